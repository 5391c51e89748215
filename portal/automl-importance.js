// The importance of features: overall and for each class, of one run or several.
import { ModelCard } from "./automl-draw.js";
import { clipped, figure } from "./format.js";
import { html } from "./html.js";
import { classOf } from "./palette.js";

/** @import { Importance } from "./automl-data.js" */
/** @import { ModelLook } from "./automl-look.js" */
/** @typedef {{ label: string, place: number, data: Importance }} Given */
/** @typedef {{ label: string, place: number, values: Map<string, number> }} Bars */

const ROW = 20;
const LEFT = 150;
const WIDTH = 440;

/** @param {{ given: Given[], look: ModelLook, examples?: (() => any) | undefined }} props */
export function ImportanceCard({ given, look, examples }) {
  const classes = [...new Set(given.flatMap(({ data }) => data.classes.map((one) => one.name)))];
  const [of, most] = [look.importance.value, look.top.value];
  const bars = barsOf(given, of);
  const features = ranked(bars);
  const cells = () => ({ columns: ["feature", ...bars.map((one) => one.label)], rows: features.map((feature) => [feature, ...bars.map((one) => one.values.get(feature) ?? null)]) });
  return html`<${ModelCard} title="Feature importance" label=${said(features, bars)} cells=${cells} examples=${examples}>
    <div class="automl-tools small">
      ${classes.length > 0 && html`<select aria-label="Of which class" value=${of} onChange=${(/** @type {any} */ event) => look.choose({ importance: event.target.value })}>
        <option value="">Overall</option>${given.length === 1 && html`<option value="*">Overall and each class</option>`}${classes.map((name) => html`<option value=${`=${name}`}>${clipped(name, 40)}</option>`)}
      </select>`}
      <label class="slider">Top <input type="range" min="3" max=${Math.max(4, Math.min(50, features.length))} value=${most} onInput=${(/** @type {any} */ event) => look.choose({ top: Number(event.target.value) })} /> <output class="figure">${Math.min(most, features.length)}</output> of ${features.length}</label>
    </div>
    ${bars.length > 1 && html`<ul class="legend">${bars.map((one) => html`<li><span class=${`key dot ${classOf(one.place)}`}></span> <bdi>${one.label}</bdi></li>`)}</ul>`}
    <${ImportanceDrawing} bars=${bars} features=${features.slice(0, most)} />
  </${ModelCard}>`;
}

/** What a bar is drawn of: a run, or of one run overall and each class. @param {Given[]} given @param {string} of @returns {Bars[]} */
export function barsOf(given, of) {
  const values = (/** @type {string[]} */ names, /** @type {number[]} */ found) => new Map(names.map((name, place) => [name, Math.abs(found[place] ?? 0)]));
  if (of === "*" && given[0]) {
    const { features, overall, classes } = given[0].data;
    return [{ label: "overall", place: 0, values: values(features, overall) }, ...classes.map((one, place) => ({ label: one.name, place: place + 1, values: values(features, one.values) }))];
  }
  return given.flatMap(({ label, place, data }) => {
    const found = of ? data.classes.find((one) => `=${one.name}` === of)?.values : data.overall;
    return found ? [{ label, place, values: values(data.features, found) }] : [];
  });
}

/** Features, the most important first. @param {Bars[]} bars */
export function ranked(bars) {
  const sums = new Map();
  for (const { values } of bars) {
    const all = [...values.values()].reduce((sum, one) => sum + one, 0) || 1;
    for (const [feature, value] of values) sums.set(feature, (sums.get(feature) ?? 0) + value / all);
  }
  return [...sums].sort((one, other) => other[1] - one[1]).map(([feature]) => String(feature));
}

/** @param {{ bars: Bars[], features: string[] }} props */
export function ImportanceDrawing({ bars, features }) {
  const high = Math.max(...bars.flatMap(({ values }) => features.map((feature) => values.get(feature) ?? 0)), 1e-300);
  const row = Math.max(ROW, bars.length * 7 + 6);
  const thick = (row - 6) / Math.max(1, bars.length);
  return html`<svg viewBox=${`0 0 ${WIDTH} ${features.length * row + 6}`} aria-hidden="true">
    ${features.map((feature, place) => html`<text class="ink" x=${LEFT - 8} y=${place * row + row / 2 + 4} text-anchor="end"><title>${feature}</title>${clipped(feature, 23)}</text>
      ${bars.map((one, which) => {
        const value = one.values.get(feature) ?? 0;
        const wide = (value / high) * (WIDTH - LEFT - 58);
        return html`<rect class=${`column ${classOf(one.place)}`} x=${LEFT} y=${place * row + 3 + which * thick} width=${wide} height=${Math.max(1, thick - 1)}><title>${one.label}, ${feature}: ${figure(value)}</title></rect>
          ${bars.length === 1 && html`<text class="count" x=${LEFT + wide + 5} y=${place * row + row / 2 + 4}>${figure(Number(value.toPrecision(3)))}</text>`}`;
      })}`)}
    <path class="frame" d=${`M${LEFT} 0v${features.length * row + 6}`} />
  </svg>`;
}

/** @param {string[]} features @param {Bars[]} bars */
function said(features, bars) {
  const [first] = bars;
  if (!first) return "No feature has an importance here.";
  return `${features.length} features; the most important: ${features.slice(0, 3).map((one) => `${one} (${figure(Number((first.values.get(one) ?? 0).toPrecision(3)))})`).join(", ")}.`;
}
