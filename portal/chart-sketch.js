// Two columns whose first is no axis (it goes back and forth): a line through its points in their order.
import { Axes, ModelCard, path, placed } from "./automl-draw.js";
import { plural } from "./format.js";
import { html } from "./html.js";
import { classOf } from "./palette.js";

/** @typedef {{ label: string, place: number, x: (number | null)[], y: (number | null)[] }} Line */

/** @param {{ title: string, lines: Line[], xTitle: string, yTitle: string }} props */
export function Sketch({ title, lines, xTitle, yTitle }) {
  const [x, y] = [reach(lines.flatMap((line) => line.x)), reach(lines.flatMap((line) => line.y))];
  const at = placed(x, y);
  const finite = (/** @type {(number | null)[]} */ column) => column.map((one) => (one !== null && Number.isFinite(one) ? one : null));
  const left = lines.reduce((sum, line) => sum + line.x.filter((at) => at === null || !Number.isFinite(at)).length, 0);
  const cells = () => ({ columns: ["run", xTitle, yTitle], rows: lines.flatMap((line) => line.x.map((across, place) => [line.label, across, line.y[place] ?? null])) });
  return html`<div class="automl one"><${ModelCard} title=${title} label=${`${plural(lines.reduce((sum, line) => sum + line.x.length, 0), "point")}, in the order logged${left ? `; ${plural(left, "row")} without a number for ${xTitle} not drawn` : ""}`} cells=${cells}>
    <svg viewBox="0 0 440 300" aria-hidden="true"><${Axes} at=${at} x=${x} y=${y} xTitle=${xTitle} yTitle=${yTitle} />
      ${lines.map((line) => html`<path class=${`line ${classOf(line.place)}`} d=${path(at, finite(line.x), finite(line.y))}><title>${line.label}</title></path>`)}</svg>
  </${ModelCard}></div>`;
}

/** @param {(number | null)[]} values @returns {[number, number]} */
function reach(values) {
  const known = /** @type {number[]} */ (values.filter((one) => one !== null && Number.isFinite(one)));
  if (!known.length) return [0, 1];
  const [low, high] = [known.reduce((one, other) => Math.min(one, other)), known.reduce((one, other) => Math.max(one, other))];
  const room = (high - low || 1) * 0.04;
  return [low - room, high + room];
}
