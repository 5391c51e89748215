// The charts of a run, each drawn when it is on the screen, and what a chart cannot show: texts, rows and tables.
import { setQuery } from "./address.js";
import { ChartCard } from "./chart-card.js";
import { LookTools } from "./chart-look.js";
import { TableCharts } from "./chart-tables.js";
import { Texts, Tiles } from "./chart-tiles.js";
import { None } from "./empty.js";
import { plain } from "./format.js";
import { html } from "./html.js";
import { Fold } from "./kept.js";
import { Where } from "./printed.js";

/** @import { Curve } from "./curve.js" */
/** @import { Metrics } from "./metrics-data.js" */
/** @import { Run } from "./types" */

/** @param {{ metrics: Metrics, run: Run }} props */
export function MetricsView({ metrics, run }) {
  const shown = metrics.shown.value;
  metrics.moved.value; // what is shown without a chart follows too
  const numbers = shown.filter((curve) => curve.series.kind !== "text");
  const [charts, single] = [numbers.filter(isLine), numbers.filter((curve) => !isLine(curve))];
  const texts = shown.filter((curve) => curve.series.kind === "text");
  const hasTables = Object.keys(run.tables ?? {}).length > 0;
  const none = metrics.curves.value.size === 0 && !hasTables;
  const owner = { run_id: run.run_id, label: "", place: 0, tables: run.tables ?? {} };
  return html`<section aria-label="Metrics">
    <div class="heading">
      <h2>Metrics</h2>
      ${!none && html`<${Tools} metrics=${metrics} />`}
    </div>
    ${none && html`<${None} of="metric" isOver=${run.ended !== null} />`}
    <${Tiles} tiles=${single.map((curve) => ({ name: title(curve), rows: [{ label: "", place: 0, value: curve.series.last }] }))} />
    ${groups(charts).map(([name, curves]) => html`<${Group} key=${name} name=${name} curves=${curves} metrics=${metrics} run=${run} />`)}
    <div class="charts">${hasTables && html`<${TableCharts} owners=${[owner]} look=${metrics.look} />`}</div>
    <${Texts} texts=${texts.map((curve) => ({ name: title(curve), run_id: run.run_id, series: curve.series }))} />
  </section>`;
}

/** Charts by what their names begin with, where that makes several groups. @param {Curve[]} charts @returns {[string, Curve[]][]} */
function groups(charts) {
  /** @type {Map<string, Curve[]>} */
  const found = new Map();
  for (const curve of charts) {
    const slash = curve.series.name.indexOf("/");
    const name = slash > 0 ? curve.series.name.slice(0, slash) : "";
    found.set(name, [...(found.get(name) ?? []), curve]);
  }
  const some = [...found].filter(([name, curves]) => name && curves.length > 1);
  const rest = charts.filter((curve) => !some.some(([, curves]) => curves.includes(curve)));
  return some.length ? [...some, ...(rest.length ? [/** @type {[string, Curve[]]} */ (["", rest])] : [])] : charts.length ? [["", charts]] : [];
}

/** @param {{ name: string, curves: Curve[], metrics: Metrics, run: Run }} props */
function Group({ name, curves, metrics, run }) {
  const inside = html`<div class="charts">${curves.map((curve) => html`<${Chart} key=${curve.key} curve=${curve} metrics=${metrics} run=${run} />`)}</div>`;
  return name ? html`<${Fold} title=${name} class="group" open><summary><bdi>${plain(name)}</bdi> <span class="dim small">${curves.length}</span></summary>${inside}<//>` : inside;
}

/** One number is a figure; several, or a list, are a line. @param {Curve} curve */
function isLine({ series }) {
  return series.count > 1 || series.kind === "list";
}

/** @param {{ metrics: Metrics }} props */
function Tools({ metrics }) {
  return html`<div class="tools">
    ${metrics.curves.value.size > 6 && html`<input type="search" placeholder="Find a metric" aria-label="Find a metric" value=${metrics.search.value} onInput=${(/** @type {any} */ event) => setQuery({ metric: (metrics.search.value = event.target.value) })} />`}
    <${LookTools} look=${metrics.look} hasEpochs=${metrics.hasEpochs} />
  </div>`;
}

/** @param {Curve} curve */
function title(curve) {
  const { name, source } = curve.series;
  return plain(source === "call" || source === "log" ? name : `${name} (${source})`);
}

/** @param {{ curve: Curve, metrics: Metrics, run: Run }} props */
function Chart({ curve, metrics, run }) {
  const { series } = curve;
  const lines = [{ curve, label: title(curve), place: 0, started: Date.parse(run.started), epochs: metrics.epochs }];
  const isStepped = metrics.look.axis.value === "step";
  const more = series.source === "printed" && isStepped && html`<${Where} run=${run.run_id} name=${series.name} step=${metrics.look.pinned.value} />`;
  return html`<${ChartCard} title=${title(curve)} lines=${lines} look=${metrics.look} count=${metrics.moved.value.get(curve.key) ?? 0} more=${more || null} />`;
}
