// A chart of a model as a file: all its drawings beside one another, its title, which line is which, on the ground that it has on the screen.
import { escaped, fileName, save } from "./chart-save.js";
import { shorten } from "./format.js";
import { token } from "./palette.js";

/** What a style sheet says of a part, said by the part itself. */
const PAINT = ["display", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "text-anchor", "font-size", "font-weight"];
const [HEAD, ROW, GAP, LETTER] = [30, 17, 16, 6.6];
/** So many drawings stand beside one another, and so many lines are named. */
const [ACROSS, NAMED] = [4, 40];
/** A picture has so many pixels to one of the drawing. */
const SHARP = 2;

/** @param {Element | null} card @param {string} title */
export function svg(card, title) {
  const found = drawing(card, title);
  if (found) save(new Blob([found.text], { type: "image/svg+xml" }), fileName(title, "svg"));
}

/** @param {Element | null} card @param {string} title */
export async function png(card, title) {
  const found = drawing(card, title);
  if (!found) return;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(found.text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [found.width * SHARP, found.height * SHARP];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => blob && save(blob, fileName(title, "png")));
}

/** @param {Element | null} card @param {string} title @returns {{ text: string, width: number, height: number } | null} */
function drawing(card, title) {
  const drawings = /** @type {SVGSVGElement[]} */ ([...(card?.querySelectorAll(".drawing svg") ?? [])]);
  const view = drawings[0]?.viewBox.baseVal;
  if (!card || !view) return null;
  const across = Math.min(ACROSS, drawings.length);
  const isNamed = drawings.length > 1;
  const high = Math.max(...drawings.map((one) => one.viewBox.baseVal.height)) + (isNamed ? ROW : 0);
  const width = across * view.width + (across + 1) * GAP;
  const top = HEAD + Math.ceil(drawings.length / across) * (high + GAP);
  const { text: names, height: below } = legend(card, width, top);
  const height = top + below;
  const ink = token("ink");
  const placed = drawings.map((one, place) => {
    const [x, y] = [GAP + (place % across) * (view.width + GAP), HEAD + Math.floor(place / across) * (high + GAP)];
    const name = isNamed ? `<text x="${x}" y="${y + 12}" font-size="12" fill="${ink}">${escaped(one.parentElement?.querySelector("p")?.textContent?.trim() ?? "")}</text>` : "";
    return `${name}<g transform="translate(${x} ${y + (isNamed ? ROW : 0)})">${painted(one)}</g>`;
  });
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="${token("card")}"/><text x="${GAP}" y="20" font-weight="600" font-size="13" fill="${ink}">${escaped(title)}</text>${placed.join("")}${names}</svg>`;
  return { text, width, height };
}

/** What is in a drawing, without the page's style sheets. @param {SVGSVGElement} given */
function painted(given) {
  const copy = /** @type {SVGSVGElement} */ (given.cloneNode(true));
  const own = [...given.querySelectorAll("*")];
  copy.querySelectorAll("*").forEach((part, place) => {
    const style = getComputedStyle(/** @type {Element} */ (own[place]));
    for (const name of PAINT) part.setAttribute(name, style.getPropertyValue(name));
    part.removeAttribute("class");
  });
  return [...copy.children].map((part) => new XMLSerializer().serializeToString(part)).join("");
}

/** Each line by its own title, or what the card's legend names; below the drawings. @param {Element} card @param {number} width @param {number} top @returns {{ text: string, height: number }} */
function legend(card, width, top) {
  const lines = [...card.querySelectorAll(".drawing svg path.line")].map((line) => ({ name: line.querySelector("title")?.textContent ?? "", style: getComputedStyle(line) }));
  const listed = [...card.querySelectorAll(".drawing .legend li")].map((one) => ({ name: one.textContent?.trim() ?? "", colour: getComputedStyle(one.querySelector(".key") ?? one).color }));
  const entries = lines.length > 1
    ? lines.map(({ name, style }) => ({ name, paint: `stroke="${style.stroke}" stroke-width="2" stroke-dasharray="${style.strokeDasharray}"` }))
    : listed.map(({ name, colour }) => ({ name, paint: `stroke="${colour}" stroke-width="8"` }));
  let [x, y] = [GAP, top + 10];
  const parts = entries.slice(0, NAMED).map(({ name, paint }) => {
    const shown = shorten(name, 40);
    const wide = 26 + shown.length * LETTER + 14;
    if (x > GAP && x + wide > width) [x, y] = [GAP, y + ROW];
    const part = `<path d="M${x} ${y - 4}h20" fill="none" ${paint}/><text x="${x + 26}" y="${y}" font-size="11" fill="${token("ink")}">${escaped(shown)}</text>`;
    x += wide;
    return part;
  });
  if (entries.length > NAMED) parts.push(`<text x="${GAP}" y="${(y += ROW)}" font-size="11" fill="${token("dim")}">and ${entries.length - NAMED} more</text>`);
  return { text: parts.join(""), height: parts.length ? y - top + ROW : 0 };
}
