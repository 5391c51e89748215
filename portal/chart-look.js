// How all charts of a page are looked at: the axis, the scales, smoothing, zoom, what is pinned. In the address, so that a link shows the same.
import { signal } from "@preact/signals";
import { decoded, put, without } from "./hash.js";
import { html } from "./html.js";

/** @import { Axis } from "./curve.js" */
/** @typedef {[number, number]} Range */

const OURS = ["x", "y", "axis", "log", "logx", "smooth", "pin", "spread"];

export class Look {
  constructor() {
    this.axis = signal(/** @type {Axis} */ ("step"));
    this.log = signal(false);
    this.logX = signal(false);
    this.smooth = signal(0);
    /** Are several lines of a chart drawn as their median and how far they spread? */
    this.spread = signal(false);
    /** What all charts show along the axis. */
    this.range = signal(/** @type {Range | null} */ (null));
    /** Of single charts: what they show upwards, by their name. */
    this.boxes = signal(/** @type {Record<string, Range>} */ ({}));
    /** Where values are read in all charts until that is undone. */
    this.pinned = signal(/** @type {number | null} */ (null));
  }

  get isZoomed() {
    return this.range.value !== null || Object.keys(this.boxes.value).length > 0;
  }

  /** Zooms every chart, and upwards one; null: back. The way back is the browser's too. @param {Range | null} range @param {string} [chart] @param {Range | null} [box] */
  zoom(range, chart, box = null) {
    if (range === null && box === null && !this.range.peek() && !Object.keys(this.boxes.peek()).length) return;
    this.range.value = range;
    this.boxes.value = range === null ? {} : chart && box ? { ...this.boxes.peek(), [chart]: box } : this.boxes.peek();
    this.toAddress(true);
  }

  /** @param {Axis} axis */
  along(axis) {
    if (axis === this.axis.peek()) return;
    this.axis.value = axis;
    this.pinned.value = null;
    this.range.value = null;
    this.boxes.value = {};
    this.toAddress();
  }

  /** @param {Partial<{ log: boolean, logX: boolean, spread: boolean, smooth: number, pinned: number | null }>} change */
  choose(change) {
    for (const [name, value] of Object.entries(change)) /** @type {any} */ (this)[name].value = value;
    this.toAddress();
  }

  /** @param {boolean} [isStep] is it one that the browser goes back from? */
  toAddress(isStep = false) {
    const parts = without(...OURS);
    if (this.axis.peek() !== "step") parts.push(`axis=${this.axis.peek()}`);
    if (this.range.peek()) parts.unshift(`x=${span(/** @type {Range} */ (this.range.peek()))}`);
    for (const [name, range] of Object.entries(this.boxes.peek())) parts.push(`y=${encodeURIComponent(name)}:${span(range)}`);
    if (this.log.peek()) parts.push("log=1");
    if (this.logX.peek()) parts.push("logx=1");
    if (this.spread.peek()) parts.push("spread=1");
    if (this.smooth.peek()) parts.push(`smooth=${this.smooth.peek()}`);
    if (this.pinned.peek() !== null) parts.push(`pin=${this.pinned.peek()}`);
    put(parts, isStep);
  }

  /** What the address says. */
  fromAddress() {
    /** @type {Record<string, Range>} */
    const boxes = {};
    /** @type {Record<string, string>} */
    const given = {};
    for (const part of location.hash.slice(1).split("&")) {
      const [name = "", value = ""] = part.split(/=(.*)/s);
      const cut = value.lastIndexOf(":");
      const range = name === "y" ? spanOf(value.slice(cut + 1)) : null;
      if (range) boxes[decoded(value.slice(0, cut))] = range;
      else given[name] = value;
    }
    this.axis.value = given.axis === "time" || given.axis === "epoch" ? given.axis : "step";
    this.range.value = spanOf(given.x ?? "");
    this.boxes.value = boxes;
    this.log.value = given.log === "1";
    this.logX.value = given.logx === "1";
    this.spread.value = given.spread === "1";
    const smooth = Number(given.smooth ?? 0);
    this.smooth.value = smooth >= 0 && smooth < 1 ? smooth : 0;
    this.pinned.value = given.pin && Number.isFinite(Number(given.pin)) ? Number(given.pin) : null;
  }
}

/** In as many digits as tell its ends apart, and four more: of ten million steps a zoom may show five. @param {Range} range */
export function span(range) {
  const digits = Math.ceil(Math.log10(Math.max(...range.map(Math.abs)) / (range[1] - range[0])));
  return range.map((at) => Number(at.toPrecision(Math.min(17, Math.max(6, digits + 4))))).join("..");
}

/** @param {string} text @returns {Range | null} */
export function spanOf(text) {
  const found = /^(-?[\d.]+(?:e[+-]?\d+)?)\.\.(-?[\d.]+(?:e[+-]?\d+)?)$/.exec(text);
  const range = /** @type {Range} */ ([Number(found?.[1]), Number(found?.[2])]);
  return found && range.every(Number.isFinite) && range[0] < range[1] ? range : null;
}

/** One toolbar for all charts. @param {{ look: Look, isSeveral?: boolean, hasEpochs?: boolean }} props `isSeveral`: the charts have lines enough to be summed up */
export function LookTools({ look, isSeveral = false, hasEpochs = false }) {
  const axes = /** @type {[Axis, string][]} */ ([["step", "Step"], ...(hasEpochs || look.axis.value === "epoch" ? [["epoch", "Epoch"]] : []), ["time", "Time"]]);
  return html`
    ${look.isZoomed && html`<button type="button" onClick=${() => look.zoom(null)}>Whole range</button>`}
    ${look.pinned.value !== null && html`<button type="button" onClick=${() => look.choose({ pinned: null })}>Unpin</button>`}
    <label class="slider small"><span>Smoothing</span> <input type="range" min="0" max="0.99" step="0.01" value=${look.smooth.value} aria-label="Smoothing"
      onInput=${(/** @type {any} */ event) => look.choose({ smooth: Number(event.target.value) })} /> <output class="figure">${look.smooth.value.toFixed(2)}</output></label>
    ${isSeveral && html`<div class="choice" role="group" aria-label="What is drawn of several runs">
      <button type="button" aria-pressed=${!look.spread.value} onClick=${() => look.choose({ spread: false })} title="A line a run">Lines</button>
      <button type="button" aria-pressed=${look.spread.value} onClick=${() => look.choose({ spread: true })} title="The median of all runs, and from the 5th to the 95th percentile">Spread</button>
    </div>`}
    <div class="choice" role="group" aria-label="Scales">
      <button type="button" aria-pressed=${look.logX.value} onClick=${() => look.choose({ logX: !look.logX.value })} title="Logarithmic scale along the axis">log x</button>
      <button type="button" aria-pressed=${look.log.value} onClick=${() => look.choose({ log: !look.log.value })} title="Logarithmic scale">log y</button>
    </div>
    <div class="choice" role="group" aria-label="Along the axis">
      ${axes.map(([name, text]) => html`<button type="button" aria-pressed=${look.axis.value === name} onClick=${() => look.along(name)}>${text}</button>`)}
    </div>`;
}
