// A series in the space of a word. Pure.
import { html } from "./html.js";

const [WIDTH, HEIGHT, EDGE] = [64, 18, 2];

/** @param {{ values: (number | null)[] | undefined }} props null: a value that was no number, a gap */
export function Spark({ values }) {
  const numbers = (values ?? []).filter((one) => one !== null);
  if (!values || numbers.length < 2) return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} aria-hidden="true"></svg>`;
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (/** @type {number} */ place) => EDGE + (place / (values.length - 1)) * (WIDTH - 2 * EDGE);
  const y = (/** @type {number} */ one) => HEIGHT - EDGE - (most === least ? 0.5 : (one - least) / (most - least)) * (HEIGHT - 2 * EDGE);
  let path = "";
  for (const [place, one] of values.entries()) {
    if (one === null) continue;
    const isGap = place === 0 || values[place - 1] === null;
    path += `${isGap ? "M" : "L"}${x(place).toFixed(1)} ${y(one).toFixed(1)}`;
  }
  return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true"><path d=${path} fill="none" stroke="currentColor" stroke-width="1.5" /></svg>`;
}
