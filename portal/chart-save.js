// A chart as a file: a picture, a drawing, its numbers.
import { colourOf, dashOf, token } from "./palette.js";

/** @import { Chart, Line } from "./chart.js" */

/** Hands a file to the browser. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A name that every file system takes. @param {string} title @param {string} kind */
export function fileName(title, kind) {
  return `${title.replace(/[^\w.-]+/g, "_").replace(/^[._]+/, "").slice(0, 80) || "chart"}.${kind}`;
}

/** @param {Chart} chart @param {string} title */
export function png(chart, title) {
  const drawn = chart.plot?.ctx.canvas;
  if (!drawn) return;
  const ratio = devicePixelRatio || 1;
  const head = 26 * ratio;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [drawn.width, drawn.height + head];
  const brush = canvas.getContext("2d");
  if (!brush) return;
  brush.fillStyle = token("card");
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.fillStyle = token("ink");
  brush.font = `600 ${13 * ratio}px system-ui`;
  brush.fillText(title, 10 * ratio, 18 * ratio, canvas.width - 20 * ratio);
  brush.drawImage(drawn, 0, head);
  canvas.toBlob((blob) => blob && save(blob, fileName(title, "png")));
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** @param {Chart} chart @param {string} title */
export function svg(chart, title) {
  const text = drawing(chart, title);
  if (text) save(new Blob([text], { type: "image/svg+xml" }), fileName(title, "svg"));
}

/** @param {Chart} chart @param {string} title */
export function drawing(chart, title) {
  const { plot } = chart;
  if (!plot) return "";
  const [width, height, head] = [plot.width, plot.height + 26, 26];
  const ratio = devicePixelRatio || 1;
  const frame = { left: plot.bbox.left / ratio, top: plot.bbox.top / ratio + head, width: plot.bbox.width / ratio, height: plot.bbox.height / ratio };
  const across = (/** @type {number} */ at) => frame.left + plot.valToPos(at, "x");
  const up = (/** @type {number} */ at) => frame.top + plot.valToPos(at, "y");
  const [ink, dim, grid] = [token("ink"), token("dim"), token("grid")];
  const parts = [`<rect width="100%" height="100%" fill="${token("card")}"/>`, `<text x="10" y="18" font-weight="600" font-size="13" fill="${ink}">${escaped(title)}</text>`];
  for (const [place, axis] of plot.axes.entries()) {
    const { _splits = [], _values = [] } = /** @type {any} */ (axis);
    for (const [tick, at] of _splits.entries()) {
      if (!_values[tick]) continue;
      const [x, y] = place === 0 ? [across(at), frame.top + frame.height] : [frame.left, up(at)];
      parts.push(place === 0 ? `<path d="M${x} ${frame.top}V${y}" stroke="${grid}"/>` : `<path d="M${x} ${y}H${frame.left + frame.width}" stroke="${grid}"/>`);
      parts.push(`<text x="${place === 0 ? x : x - 6}" y="${place === 0 ? y + 16 : y + 4}" text-anchor="${place === 0 ? "middle" : "end"}" font-size="11" fill="${dim}">${escaped(String(_values[tick]))}</text>`);
    }
  }
  parts.push(`<clipPath id="frame"><rect x="${frame.left}" y="${frame.top}" width="${frame.width}" height="${frame.height}"/></clipPath><g clip-path="url(#frame)" fill="none">`);
  chart.lines.forEach((line, place) => parts.push(path(chart, line, place, across, up)));
  parts.push("</g>");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">${parts.join("")}</svg>`;
}

/** @param {Chart} chart @param {Line} line @param {number} place @param {(at: number) => number} across @param {(at: number) => number} up */
function path(chart, line, place, across, up) {
  const column = chart.columns()[1 + place * chart.each] ?? [];
  let isOn = false;
  const steps = chart.over.x.map((at, from) => {
    const value = column[from];
    if (typeof value !== "number") {
      isOn &&= value === undefined;
      return "";
    }
    const step = `${isOn ? "L" : "M"}${across(at).toFixed(1)} ${up(value).toFixed(1)}`;
    isOn = true;
    return step;
  });
  const dash = dashOf(line.place);
  return `<path d="${steps.join("")}" stroke="${colourOf(line.place)}" stroke-width="1.75"${dash ? ` stroke-dasharray="${dash.join(" ")}"` : ""}><title>${escaped(line.label)}</title></path>`;
}

/** What is drawn, as numbers. @param {Line[]} lines @param {string} axis @param {string} title */
export function csv(lines, axis, title) {
  const rows = [["line", axis, "value", "min", "max", "not_a_number"]];
  for (const { label, drawn } of lines) {
    for (const [place, at] of drawn.x.entries()) {
      rows.push([label, String(at), ...[drawn.last[place], drawn.min[place], drawn.max[place]].map((one) => String(one ?? "")), String(drawn.bad[place] ?? 0)]);
    }
  }
  saveRows(rows, title);
}

/** @param {string[][]} rows @param {string} title */
export function saveRows(rows, title) {
  save(new Blob([rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }), fileName(title, "csv"));
}

/** A text that a spreadsheet would run is made one. @param {string} text */
function cell(text) {
  const harmless = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
