// What the charts of models are drawn with: a frame with two axes, lines, and a card around it. Plain SVG; colours and dashes are chart.css's.
import { useRef } from "preact/hooks";
import { linkOf, Menu, useNamed } from "./chart-card.js";
import { figure, grouped, value } from "./format.js";
import { html } from "./html.js";
import { useSwitch } from "./kept.js";

/** @typedef {{ left: number, top: number, width: number, height: number, x: (at: number) => number, y: (at: number) => number, atX: (left: number) => number, atY: (top: number) => number }} Place */
/** @typedef {{ columns: string[], rows: (string | number | null)[][] }} Cells */

/** What makes files is read when one is asked for. */
const SAVING = () => import("./chart-save.js");
const DRAWN = () => import("./automl-save.js");
export const WIDTH = 440;
export const HEIGHT = 300;

/**
 * Where a frame's numbers lie in the drawing.
 * @param {[number, number]} x @param {[number, number]} y @param {{ width?: number, height?: number, left?: number, top?: number, right?: number, bottom?: number }} [size]
 * @returns {Place}
 */
export function placed(x, y, { width = WIDTH, height = HEIGHT, left = 48, top = 10, right = 12, bottom = 38 } = {}) {
  const [inner, upright] = [width - left - right, height - top - bottom];
  const [across, up] = [x[1] - x[0] || 1, y[1] - y[0] || 1];
  return {
    left, top, width: inner, height: upright,
    x: (at) => left + ((at - x[0]) / across) * inner,
    y: (at) => top + upright - ((at - y[0]) / up) * upright,
    atX: (px) => x[0] + ((px - left) / inner) * across,
    atY: (px) => y[0] + ((top + upright - px) / upright) * up,
  };
}

/** Round numbers within a range. @param {[number, number]} range @param {number} [count] */
export function ticks([low, high], count = 5) {
  const rough = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((by) => by * unit).find((by) => by >= rough * 0.999) ?? rough;
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(Math.abs(at) < step * 1e-6 ? 0 : Number(at.toPrecision(10)));
  return found;
}

/** @param {{ at: Place, x: [number, number], y: [number, number], xTitle: string, yTitle: string, tall?: number }} props */
export function Axes({ at, x, y, xTitle, yTitle }) {
  const [right, bottom] = [at.left + at.width, at.top + at.height];
  return html`<g>
    ${ticks(x).map((tick) => html`<path class="grid" d=${`M${at.x(tick)} ${at.top}V${bottom}`} /><text x=${at.x(tick)} y=${bottom + 15} text-anchor="middle">${figure(tick)}</text>`)}
    ${ticks(y).map((tick) => html`<path class="grid" d=${`M${at.left} ${at.y(tick)}H${right}`} /><text x=${at.left - 6} y=${at.y(tick) + 4} text-anchor="end">${short(tick)}</text>`)}
    <rect class="frame" x=${at.left} y=${at.top} width=${at.width} height=${at.height} />
    <text class="title" x=${at.left + at.width / 2} y=${bottom + 32} text-anchor="middle">${xTitle}</text>
    <text class="title" transform=${`translate(12 ${at.top + at.height / 2}) rotate(-90)`} text-anchor="middle">${yTitle}</text>
  </g>`;
}

/** @param {number} tick */
function short(tick) {
  return Math.abs(tick) >= 1e5 ? tick.toExponential(0).replace("e+", "e") : figure(tick);
}

/** A line's path; what is no number interrupts it. @param {Place} at @param {(number | null)[]} x @param {(number | null)[]} y */
export function path(at, x, y) {
  let isOn = false;
  return x.map((across, place) => {
    const up = y[place];
    if (across === null || up === null || up === undefined) return (isOn = false), "";
    const step = `${isOn ? "L" : "M"}${at.x(across).toFixed(1)} ${at.y(up).toFixed(1)}`;
    isOn = true;
    return step;
  }).join("");
}

/** Where in the drawing's own numbers a pointer is. @param {PointerEvent} event @returns {[number, number]} */
export function pointed(event) {
  const drawing = /** @type {SVGSVGElement} */ (event.currentTarget);
  const box = drawing.getBoundingClientRect();
  const view = drawing.viewBox.baseVal;
  return [((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height];
}

/**
 * @param {{ title: string, label: string, cells: () => Cells, examples?: (() => any) | undefined, children?: any, isWide?: boolean }} props
 * `label` says the chart in words; `cells` are the same as a table.
 */
export function ModelCard({ title, label, cells, examples, children, isWide = false }) {
  const [isTable, setTable] = useSwitch("table", title);
  const [isAsked, setAsked] = useSwitch("how", title);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useNamed(box, title);
  return html`<article class=${`card${isWide ? " wide-card" : ""}`} aria-label=${title} ref=${box}>
    <header>
      <h3>${title}</h3>
      ${examples && html`<button type="button" class="ask" aria-expanded=${isAsked} aria-label=${`How to read: ${title}`} title="How to read it" onClick=${() => setAsked(!isAsked)}>?</button>`}
      <${Menu} items=${[
        [isTable ? "Show as chart" : "Show as table", () => setTable(!isTable)],
        ...(isTable ? [] : /** @type {[string, () => void][]} */ ([
          ["Picture (PNG)", () => DRAWN().then(({ png }) => png(box.current, title))],
          ["Drawing (SVG)", () => DRAWN().then(({ svg }) => svg(box.current, title))],
        ])),
        ["Numbers (CSV)", () => SAVING().then(({ saveCells }) => saveCells(cells(), title))],
        ["Copy a link", () => navigator.clipboard?.writeText(linkOf(title))],
      ]} />
    </header>
    ${isAsked && examples?.()}
    ${isTable ? html`<${CellTable} cells=${cells()} />` : html`<div class="drawing" role="group" aria-label=${label}>${children}</div>`}
    <p class="dim small said">${label}</p>
  </article>`;
}

const MOST_ROWS = 1000;

/** @param {{ cells: Cells }} props */
export function CellTable({ cells }) {
  const { columns, rows } = cells;
  const isNumber = columns.map((_, place) => rows.every((row) => row[place] === null || row[place] === undefined || typeof row[place] === "number"));
  return html`<div class="tablebox" tabindex="0"><table class="cells"><thead><tr>${columns.map((name, place) => html`<th scope="col" class=${isNumber[place] ? "right" : ""}><bdi>${name}</bdi></th>`)}</tr></thead>
    <tbody>${rows.slice(0, MOST_ROWS).map((row) => html`<tr>${columns.map((_, place) => html`<td class=${isNumber[place] ? "right" : ""}><bdi>${row[place] === null || row[place] === undefined ? "" : value(row[place])}</bdi></td>`)}</tr>`)}</tbody></table>
    ${rows.length > MOST_ROWS && html`<p class="dim pad">and ${grouped(rows.length - MOST_ROWS)} rows more</p>`}</div>`;
}
