// Charts of a regression: predicted against true values with the margin of error, and how the residuals are spread.
import { Axes, ModelCard, path, placed } from "./automl-draw.js";
import { figure } from "./format.js";
import { html } from "./html.js";
import { classOf } from "./palette.js";

/** @import { Predictions, Residuals } from "./automl-data.js" */
/** @typedef {{ label: string, place: number, data: Predictions }} GivenPredictions */
/** @typedef {{ label: string, place: number, data: Residuals }} GivenResiduals */

const TALL = 360;
const BINS = 62;

/** @param {{ given: GivenPredictions[], examples?: (() => any) | undefined }} props */
export function PredictionsCard({ given, examples }) {
  const cells = () => ({
    columns: ["run", "true from", "true to", "predicted on average", "standard deviation", "samples"],
    rows: given.flatMap(({ label, data }) => data.counts.map((count, bin) => [label, data.edges[bin] ?? null, data.edges[bin + 1] ?? null, data.averages[bin] ?? null, data.errors[bin] ?? null, count])),
  });
  return html`<${ModelCard} title="Predicted against true" label=${given.map((one) => saidPredictions(one, given.length > 1)).join(" ")} cells=${cells} examples=${examples}>
    <${PredictionsDrawing} given=${given} />
  </${ModelCard}>`;
}

/** @param {{ given: GivenPredictions[] }} props */
export function PredictionsDrawing({ given }) {
  const all = given.flatMap(({ data }) => [...data.edges, ...filled(data).flatMap(({ average, error }) => [average - error, average + error])]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = low === high ? Math.abs(low) || 1 : 0;
  const range = /** @type {[number, number]} */ ([low - room, high + room]);
  const at = placed(range, range, { height: TALL, bottom: BINS + 46 });
  const most = Math.max(1, ...given.flatMap(({ data }) => data.counts));
  const floor = at.top + at.height + 38;
  return html`<svg viewBox=${`0 0 440 ${TALL}`} aria-hidden="true">
    <${Axes} at=${at} x=${range} y=${range} xTitle="True value" yTitle="Predicted value" />
    <path class="base" d=${path(at, range, range)}><title>y = x: ideal</title></path>
    ${given.map(({ label, place, data }) => {
      const bins = filled(data);
      const [x, y] = [bins.map((bin) => bin.middle), bins.map((bin) => bin.average)];
      const upper = path(at, x, bins.map((bin) => bin.average + bin.error));
      const lower = path(at, [...x].reverse(), bins.map((bin) => bin.average - bin.error).reverse()).replace("M", "L");
      return html`<g class=${classOf(place)} data-run=${place}><path class="area" d=${bins.length ? `${upper}${lower}Z` : ""} /><path class=${`line average ${classOf(place)}`} d=${path(at, x, y)}><title>${label}</title></path>
        ${bins.map((bin) => html`<circle class="point" r="3.5" cx=${at.x(bin.middle)} cy=${at.y(bin.average)}><title>${label}: ${figure(bin.count)} samples around ${figure(bin.middle)}: ${figure(bin.average)} ± ${figure(bin.error)}</title></circle>`)}
        ${data.counts.map((count, bin) => {
          const [low, high] = [at.x(data.edges[bin] ?? 0), at.x(data.edges[bin + 1] ?? 0)];
          const wide = Math.max(1, (high - low) / given.length - 1);
          return html`<rect class="column" x=${low + (wide + 1) * given.findIndex((one) => one.place === place)} width=${wide} y=${floor + BINS - 4 - (count / most) * (BINS - 8)} height=${(count / most) * (BINS - 8)}><title>${label}: ${figure(count)} samples from ${figure(data.edges[bin] ?? 0)} to ${figure(data.edges[bin + 1] ?? 0)}</title></rect>`;
        })}</g>`;
    })}
    <text x=${at.left - 6} y=${floor + 16} text-anchor="end">${figure(most)}</text><text class="title" x=${at.left + at.width} y=${floor + 8} text-anchor="end">samples</text>
    <path class="frame" d=${`M${at.left} ${floor + BINS - 4}h${at.width}`} />
  </svg>`;
}

/** Bins that have samples. @param {Predictions} data */
function filled(data) {
  return data.counts.flatMap((count, bin) => {
    const average = data.averages[bin];
    if (!count || average === null || average === undefined) return [];
    return [{ middle: ((data.edges[bin] ?? 0) + (data.edges[bin + 1] ?? 0)) / 2, average, error: data.errors[bin] ?? 0, count }];
  });
}

/** @param {GivenPredictions} given @param {boolean} isNamed */
function saidPredictions({ label, data }, isNamed) {
  const bins = filled(data);
  const samples = bins.reduce((sum, bin) => sum + bin.count, 0) || 1;
  const off = bins.reduce((sum, bin) => sum + bin.count * Math.abs(bin.average - bin.middle), 0) / samples;
  const margin = bins.reduce((sum, bin) => sum + bin.count * bin.error, 0) / samples;
  return `${isNamed ? `${label}: ` : ""}${figure(samples)} samples in ${bins.length} bins; the averages are ${figure(Number(off.toPrecision(3)))} away from ideal, the margin of error is ${figure(Number(margin.toPrecision(3)))}.`;
}

/** @param {{ given: GivenResiduals[], examples?: (() => any) | undefined }} props */
export function ResidualsCard({ given, examples }) {
  const cells = () => ({
    columns: ["run", "from", "to", "samples"],
    rows: given.flatMap(({ label, data }) => data.counts.map((count, bin) => [label, data.edges[bin] ?? null, data.edges[bin + 1] ?? null, count])),
  });
  return html`<${ModelCard} title="Residuals" label=${given.map((one) => saidResiduals(one, given.length > 1)).join(" ")} cells=${cells} examples=${examples}>
    <${ResidualsDrawing} given=${given} />
  </${ModelCard}>`;
}

/** @param {{ given: GivenResiduals[] }} props */
export function ResidualsDrawing({ given }) {
  const edges = given.flatMap(({ data }) => data.edges);
  const reach = Math.max(Math.abs(Math.min(...edges)), Math.abs(Math.max(...edges))) || 1;
  const [x, y] = /** @type {[[number, number], [number, number]]} */ ([[-reach, reach], [0, Math.max(1, ...given.flatMap(({ data }) => data.counts)) * 1.08]]);
  const at = placed(x, y);
  const bottom = at.top + at.height;
  return html`<svg viewBox="0 0 440 300" aria-hidden="true">
    <${Axes} at=${at} x=${x} y=${y} xTitle="Residual: predicted − true" yTitle="Samples" />
    ${given.map(({ label, place, data }) => html`<g class=${classOf(place)} data-run=${place}>
      ${data.mean !== null && data.spread !== null && html`<rect class="area" x=${at.x(Math.max(-reach, data.mean - data.spread))} width=${at.x(Math.min(reach, data.mean + data.spread)) - at.x(Math.max(-reach, data.mean - data.spread))} y=${at.top} height=${at.height}><title>${label}: mean ± spread</title></rect>`}
      ${given.length === 1
        ? data.counts.map((count, bin) => html`<rect class="column" x=${at.x(data.edges[bin] ?? 0) + 0.5} width=${Math.max(0.5, at.x(data.edges[bin + 1] ?? 0) - at.x(data.edges[bin] ?? 0) - 1)} y=${at.y(count)} height=${bottom - at.y(count)}><title>${figure(count)} samples from ${figure(data.edges[bin] ?? 0)} to ${figure(data.edges[bin + 1] ?? 0)}</title></rect>`)
        : html`<path class=${`line average ${classOf(place)}`} d=${data.counts.map((count, bin) => `${bin ? "L" : `M${at.x(data.edges[0] ?? 0)} ${bottom}L`}${at.x(data.edges[bin] ?? 0)} ${at.y(count)}L${at.x(data.edges[bin + 1] ?? 0)} ${at.y(count)}`).join("") + `L${at.x(data.edges.at(-1) ?? 0)} ${bottom}`}><title>${label}</title></path>`}
      ${data.mean !== null && html`<path class="line micro" d=${`M${at.x(data.mean)} ${at.top}V${bottom}`}><title>${label}: mean ${figure(data.mean)}</title></path>`}
    </g>`)}
    <path class="base" d=${`M${at.x(0)} ${at.top}V${bottom}`}><title>0: no error</title></path>
  </svg>`;
}

/** @param {GivenResiduals} given @param {boolean} isNamed */
function saidResiduals({ label, data }, isNamed) {
  const all = data.counts.reduce((sum, one) => sum + one, 0);
  const words = [data.mean === null ? "" : `mean ${figure(Number(data.mean.toPrecision(4)))}`, data.spread === null ? "" : `spread (standard deviation) ${figure(Number(data.spread.toPrecision(4)))}`].filter((word) => word);
  return `${isNamed ? `${label}: ` : ""}${figure(all)} samples${words.length ? `, ${words.join(", ")}` : ""}.`;
}
