// A chart as a file: a picture, a drawing, its numbers.
import { isExact, plural, shorten } from "./format.js";
import { colourOf, dashOf, token } from "./palette.js";

/** @import { Chart, Line } from "./chart.js" */
/** @import { Column } from "./lines.js" */

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

/** What a file's legend is set in, in pixels: a row so high, a letter about so wide, a line's sample so long. */
const [ROW, LETTER, SAMPLE, LEGEND] = [17, 6.4, 20, 40];
const HEAD = 26;

/**
 * Which line is which, below the plot: a file has nothing to point at. Of one line nothing.
 * @param {Line[]} lines @param {number} width
 * @returns {{ entries: { x: number, y: number, text: string, place: number | null }[], height: number }}
 */
function legend(lines, width) {
  if (lines.length < 2) return { entries: [], height: 0 };
  const named = lines.slice(0, LEGEND).map((line) => ({ text: shorten(line.label), place: /** @type {number | null} */ (line.place) }));
  if (lines.length > LEGEND) named.push({ text: `and ${plural(lines.length - LEGEND, "more line")}`, place: null });
  let [x, y] = [10, 0];
  const entries = named.map(({ text, place }) => {
    const wide = SAMPLE + 6 + text.length * LETTER + 14;
    if (x > 10 && x + wide > width - 10) [x, y] = [10, y + ROW];
    const entry = { x, y, text, place };
    x += wide;
    return entry;
  });
  return { entries, height: y + ROW + 8 };
}

/** @param {Chart} chart @param {string} title */
export function png(chart, title) {
  const drawn = chart.plot?.ctx.canvas;
  if (!drawn) return;
  const ratio = devicePixelRatio || 1;
  const { entries, height } = legend(chart.lines, drawn.width / ratio);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [drawn.width, drawn.height + (HEAD + height) * ratio];
  const brush = canvas.getContext("2d");
  if (!brush) return;
  brush.fillStyle = token("card");
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(drawn, 0, HEAD * ratio);
  brush.scale(ratio, ratio);
  brush.fillStyle = token("ink");
  brush.font = "600 13px system-ui, sans-serif";
  brush.fillText(title, 10, 18, drawn.width / ratio - 20);
  brush.font = "11px system-ui, sans-serif";
  const top = HEAD + drawn.height / ratio + 12;
  for (const { x, y, text, place } of entries) {
    brush.fillText(text, x + SAMPLE + 6, top + y);
    if (place === null) continue;
    brush.strokeStyle = colourOf(place);
    brush.lineWidth = 1.75;
    brush.setLineDash(dashOf(place) ?? []);
    brush.beginPath();
    brush.moveTo(x, top + y - 4);
    brush.lineTo(x + SAMPLE, top + y - 4);
    brush.stroke();
  }
  canvas.toBlob((blob) => blob && save(blob, fileName(title, "png")));
}

/** @param {string} text */
export const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** @param {Chart} chart @param {string} title */
export function svg(chart, title) {
  const text = drawing(chart, title);
  if (text) save(new Blob([text], { type: "image/svg+xml" }), fileName(title, "svg"));
}

/** @param {Chart} chart @param {string} title */
export function drawing(chart, title) {
  const { plot } = chart;
  if (!plot) return "";
  const { entries, height: below } = legend(chart.lines, plot.width);
  const [width, height] = [plot.width, plot.height + HEAD + below];
  const ratio = devicePixelRatio || 1;
  const frame = { left: plot.bbox.left / ratio, top: plot.bbox.top / ratio + HEAD, width: plot.bbox.width / ratio, height: plot.bbox.height / ratio };
  const across = (/** @type {number} */ at) => frame.left + plot.valToPos(at, "x");
  const up = (/** @type {number} */ at) => frame.top + plot.valToPos(at, "y");
  const [ink, dim, grid] = [token("ink"), token("dim"), token("grid")];
  const parts = [`<rect width="100%" height="100%" fill="${token("card")}"/>`, `<text x="10" y="18" font-weight="600" font-size="13" fill="${ink}">${escaped(title)}</text>`];
  for (const [place, axis] of plot.axes.entries()) {
    const { _splits = [], _values = [] } = /** @type {any} */ (axis);
    for (const [tick, at] of (_splits ?? []).entries()) {
      if (!_values[tick]) continue;
      const [x, y] = place === 0 ? [across(at), frame.top + frame.height] : [frame.left, up(at)];
      parts.push(place === 0 ? `<path d="M${x} ${frame.top}V${y}" stroke="${grid}"/>` : `<path d="M${x} ${y}H${frame.left + frame.width}" stroke="${grid}"/>`);
      parts.push(`<text x="${place === 0 ? x : x - 6}" y="${place === 0 ? y + 16 : y + 4}" text-anchor="${place === 0 ? "middle" : "end"}" font-size="11" fill="${dim}">${escaped(String(_values[tick]))}</text>`);
    }
  }
  parts.push(`<clipPath id="frame"><rect x="${frame.left}" y="${frame.top}" width="${frame.width}" height="${frame.height}"/></clipPath><g clip-path="url(#frame)" fill="none">`);
  const columns = chart.columns();
  chart.lines.forEach((line, place) => parts.push(...drawnLine(chart, line, columns.slice(1 + place * chart.each, 1 + (place + 1) * chart.each), across, up)));
  parts.push("</g>", ...marks(chart, across, frame));
  if (chart.isFew) chart.lines.forEach((line, place) => parts.push(dots(chart.over.x, columns[1 + place * chart.each] ?? [], line.place, across, up, frame)));
  for (const { x, y, text, place } of entries) {
    const top = HEAD + plot.height + 12 + y;
    if (place !== null) parts.push(`<path d="M${x} ${top - 4}h${SAMPLE}" ${stroke(place)}/>`);
    parts.push(`<text x="${x + SAMPLE + 6}" y="${top}" font-size="11" fill="${ink}">${escaped(text)}</text>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">${parts.join("")}</svg>`;
}

/** @param {number} place */
function stroke(place) {
  const dash = dashOf(place);
  return `fill="none" stroke="${colourOf(place)}" stroke-width="1.75"${dash ? ` stroke-dasharray="${dash.join(" ")}"` : ""}`;
}

/** @typedef {(at: number) => number} Along */
/** A line as it is on the screen: its band, where it is smoothed its own values, and itself. @param {Chart} chart @param {Line} line @param {Column[]} columns the line's own @param {Along} across @param {Along} up */
function drawnLine(chart, line, columns, across, up) {
  const { x } = chart.over;
  const [main = [], ...others] = columns;
  const parts = [];
  if (chart.hasBands) parts.push(`<path d="${band(x, others.at(-2) ?? [], others.at(-1) ?? [], across, up)}" fill="${colourOf(line.place)}" fill-opacity="0.18"/>`);
  if (chart.scales.smooth) parts.push(`<path d="${path(x, others[0] ?? [], across, up)}" stroke="${colourOf(line.place)}" stroke-opacity="0.25"/>`);
  parts.push(`<path d="${path(x, main, across, up)}" ${stroke(line.place)}><title>${escaped(line.label)}</title></path>`);
  return parts;
}

/** @typedef {{ left: number, top: number, width: number, height: number }} Frame */
/** Whole ones, at the frame's edge too. @param {number[]} x @param {Column} column @param {number} colour @param {Along} across @param {Along} up @param {Frame} frame */
function dots(x, column, colour, across, up, { left, top, width, height }) {
  return x.map((at, place) => {
    const value = column[place];
    if (typeof value !== "number") return "";
    const [cx, cy] = [across(at), up(value)];
    const isIn = cx >= left - 1 && cx <= left + width + 1 && cy >= top - 1 && cy <= top + height + 1;
    return isIn ? `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="2.5" fill="${colourOf(colour)}"/>` : "";
  }).join("");
}

/** What is no number (null) interrupts it; where there is no point it goes on. @param {number[]} x @param {Column} column @param {Along} across @param {Along} up */
function path(x, column, across, up) {
  let isOn = false;
  return x.map((at, place) => {
    const value = column[place];
    if (typeof value !== "number") {
      isOn &&= value === undefined;
      return "";
    }
    const step = `${isOn ? "L" : "M"}${across(at).toFixed(1)} ${up(value).toFixed(1)}`;
    isOn = true;
    return step;
  }).join("");
}

/** Between two lines, in pieces where they are interrupted. @param {number[]} x @param {Column} low @param {Column} high @param {Along} across @param {Along} up */
function band(x, low, high, across, up) {
  /** @type {[number, number, number][][]} */
  const pieces = [[]];
  x.forEach((at, place) => {
    const [least, most] = [low[place], high[place]];
    if (typeof least === "number" && typeof most === "number") pieces.at(-1)?.push([across(at), up(least), up(most)]);
    else if (least === null || most === null) pieces.push([]);
  });
  const point = (/** @type {number} */ left, /** @type {number} */ top) => `${left.toFixed(1)} ${top.toFixed(1)}`;
  return pieces.filter((piece) => piece.length > 1).map((piece) => `M${[...piece.map(([left, , top]) => point(left, top)), ...piece.reverse().map(([left, bottom]) => point(left, bottom))].join("L")}Z`).join("");
}

/** Where values were no number, as `Chart.marks` has it. @param {Chart} chart @param {Along} across @param {Frame} frame */
function marks(chart, across, { left, top, width, height }) {
  const [red, bottom] = [token("failed"), top + height];
  return chart.lines.flatMap(({ drawn }) => drawn.x.flatMap((at, place) => {
    if (!drawn.bad[place]) return [];
    const [x, odd] = [across(at), drawn.odd[place] ?? ""];
    if (x < left - 1 || x > left + width + 1) return [];
    const found = [];
    if (odd.includes("+")) found.push(`M${x} ${top}l-4.5 9h9z`);
    if (odd.includes("-")) found.push(`M${x} ${bottom}l-4.5 -9h9z`);
    if (odd === "" || odd.includes("N")) found.push(`M${x - 1} ${bottom}v-9h2v9z`);
    return [`<path d="${found.join("")}" fill="${red}"/>`];
  }));
}

/** What is drawn, as numbers. @param {Line[]} lines @param {string} axis @param {string} title */
export function csv(lines, axis, title) {
  const isSpread = lines[0]?.isSpread === true;
  const across = axis !== "step" || lines.every(({ drawn }) => drawn.x.every(isExact)) ? axis : "step_rounded";
  const rows = [isSpread ? ["line", across, "median", "percentile_5", "percentile_95"] : ["line", across, "value", "min", "max", "not_a_number"]];
  for (const { label, drawn } of lines) {
    for (const [place, at] of drawn.x.entries()) {
      rows.push([label, String(at), ...[drawn.last[place], drawn.min[place], drawn.max[place]].map((one) => String(one ?? "")), ...(isSpread ? [] : [String(drawn.bad[place] ?? 0)])]);
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

/** @param {import("./automl-draw.js").Cells} cells @param {string} title */
export function saveCells({ columns, rows }, title) {
  saveRows([columns, ...rows.map((row) => row.map((cell) => String(cell ?? "")))], title);
}
