// The charts of a run, each drawn when it is on the screen, and what a chart cannot show: texts, rows and tables.
import { computed, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { Chart } from "./chart.js";
import { Curve, keyOf } from "./curve.js";
import { figure, plain, plural, value } from "./format.js";
import { html } from "./html.js";

/** @import { Run, Series, SeriesNews } from "./types" */

/** A chart is drawn so often at most. */
const REDRAW_MS = 400;

export class Metrics {
  /** @param {string} run @param {Series[]} series */
  constructor(run, series) {
    this.run = run;
    this.curves = signal(/** @type {Map<string, Curve>} */ (new Map()));
    this.axis = signal(/** @type {"step" | "time"} */ ("step"));
    this.log = signal(false);
    this.search = signal("");
    this.range = signal(/** @type {[number, number] | null} */ (null));
    /** Which curve moved: its key, and the count of all changes. */
    this.moved = signal(/** @type {Map<string, number>} */ (new Map()));
    this.shown = computed(() => [...this.curves.value.values()].filter((curve) => curve.series.name.toLowerCase().includes(this.search.value.toLowerCase())));
    this.learn(series);
  }

  /** @param {Series[]} series */
  learn(series) {
    const known = new Map(this.curves.peek());
    const before = known.size;
    for (const one of series) if (!known.has(keyOf(one))) known.set(keyOf(one), new Curve(this.run, one));
    if (known.size !== before) this.curves.value = known;
  }

  /** @param {SeriesNews[]} news */
  add(news) {
    this.learn(news);
    const moved = new Map(this.moved.peek());
    for (const { new: points, ...series } of news) {
      const curve = this.curves.peek().get(keyOf(series));
      if (!curve) continue;
      // A zoomed chart stands still: what comes is outside of it, or is read with the next zoom.
      const isWhole = this.range.peek() ? ((curve.series = { ...series, best: curve.series.best ?? null }), true) : curve.add(series, points);
      if (!isWhole) curve.load(null).then(() => this.touch(curve.key));
      moved.set(curve.key, (moved.get(curve.key) ?? 0) + 1);
    }
    this.moved.value = moved;
  }

  /** @param {string} key */
  touch(key) {
    this.moved.value = new Map(this.moved.peek()).set(key, (this.moved.peek().get(key) ?? 0) + 1);
  }

  /** Zooms every chart, or none. The way back is the browser's. @param {[number, number] | null} range */
  zoom(range) {
    const before = this.range.peek();
    if (before === null && range === null) return;
    this.range.value = range;
    const address = new URL(location.href);
    address.hash = range ? `x=${range.map((at) => figure(at)).join("..")}` : "";
    history.pushState(null, "", address);
  }

  /** What the address says. */
  fromAddress() {
    const found = /^#x=(-?[\d.e+-]+?)\.\.(-?[\d.e+-]+)$/.exec(location.hash);
    this.range.value = found ? [Number(found[1]), Number(found[2])] : null;
  }
}

/** @param {{ metrics: Metrics, run: Run }} props */
export function MetricsView({ metrics, run }) {
  const shown = metrics.shown.value;
  const charts = shown.filter((curve) => curve.series.kind !== "text");
  const texts = shown.filter((curve) => curve.series.kind === "text");
  const tables = Object.entries(run.tables ?? {});
  const none = metrics.curves.value.size === 0 && !tables.length;
  return html`<section aria-label="Metrics">
    <div class="heading">
      <h2>Metrics</h2>
      ${!none && html`<${Tools} metrics=${metrics} />`}
    </div>
    ${none && html`<p class="card dim pad">No metric yet. A script logs them by <code>extra={"metrics": {"{…}"}}</code> or <code>run.log(…)</code>; they appear here by themselves.</p>`}
    <div class="charts">${charts.map((curve) => html`<${ChartCard} key=${curve.key} curve=${curve} metrics=${metrics} run=${run} />`)}</div>
    ${texts.length > 0 && html`<div class="card scroll"><table class="pairs"><tbody>${texts.map((curve) => html`<${Text} key=${curve.key} curve=${curve} metrics=${metrics} />`)}</tbody></table></div>`}
    ${tables.length > 0 && html`<${Tables} tables=${tables} />`}
  </section>`;
}

/** @param {{ metrics: Metrics }} props */
function Tools({ metrics }) {
  const axes = /** @type {const} */ ([["step", "Step"], ["time", "Time"]]);
  return html`<div class="tools">
    ${metrics.curves.value.size > 6 && html`<input type="search" placeholder="Find a metric" aria-label="Find a metric" onInput=${(/** @type {any} */ event) => (metrics.search.value = event.target.value)} />`}
    ${metrics.range.value && html`<button type="button" onClick=${() => metrics.zoom(null)}>Whole range</button>`}
    <button type="button" aria-pressed=${metrics.log.value} onClick=${() => (metrics.log.value = !metrics.log.value)} title="Logarithmic scale">log y</button>
    <div class="choice" role="group" aria-label="Along the axis">
      ${axes.map(([name, text]) => html`<button type="button" aria-pressed=${metrics.axis.value === name} onClick=${() => { metrics.zoom(null); metrics.axis.value = name; }}>${text}</button>`)}
    </div>
  </div>`;
}

/** @param {Curve} curve */
function title(curve) {
  const { name, source } = curve.series;
  return plain(source === "call" || source === "log" ? name : `${name} (${source})`);
}

/** @param {{ curve: Curve, metrics: Metrics, run: Run }} props */
function ChartCard({ curve, metrics, run }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [hover, setHover] = useState(/** @type {number | null} */ (null));
  const isSeen = useSeen(box);
  const count = metrics.moved.value.get(curve.key) ?? 0;
  const [axis, log, range] = [metrics.axis.value, metrics.log.value, metrics.range.value];
  const started = Date.parse(run.started);
  const chart = useChart(box, { curve, metrics, axis, log, range, started, isSeen, count, setHover });
  const { series } = curve;
  const last = value(series.last);
  const best = series.best && series[series.best] !== null ? series[series.best] : null;
  const aria = `${title(curve)}: ${series.count} points, last ${last}, least ${value(series.min)}, most ${value(series.max)}`;
  return html`<article class="card chart">
    <header>
      <h3 title=${title(curve)}>${title(curve)}</h3>
      <p class="readout"><${Readout} curve=${curve} chart=${chart} hover=${hover} axis=${axis} last=${last} best=${best} /></p>
    </header>
    <div class="plot" ref=${box} role="img" aria-label=${aria}></div>
    <footer class="dim small"><${Note} curve=${curve} chart=${chart} log=${log} /></footer>
  </article>`;
}

/** @param {{ curve: Curve, chart: Chart | null, hover: number | null, axis: string, last: string, best: number | null }} props */
function Readout({ chart, hover, axis, last, best }) {
  const data = chart?.data;
  if (data && hover !== null && data.x[hover] !== undefined) {
    const [least, most] = [data.min[hover], data.max[hover]];
    const isBand = least !== null && least !== undefined && least !== most;
    return html`<span class="dim">${axis} ${figure(data.x[hover] ?? 0)}</span> <b>${value(data.last[hover])}</b>${isBand && html` <span class="dim">${value(least)} to ${value(most)}</span>`}`;
  }
  return html`<b class=${/^-?(NaN|Infinity)$/.test(last) ? "bad" : ""}>${last}</b>${best !== null && html` <span class="dim">best ${value(best)}</span>`}`;
}

/** @param {{ curve: Curve, chart: Chart | null, log: boolean }} props */
function Note({ curve, chart, log }) {
  const { series } = curve;
  const bad = chart?.data?.bad.reduce((sum, count) => sum + count, 0) ?? 0;
  const isHidden = log && series.min !== null && series.min <= 0;
  return html`${plural(series.count, "point")}${bad > 0 && html` · <span class="bad">${bad} not a number</span>`}${isHidden && " · values of 0 and below have no place on a log scale"}`;
}

/** Is it on the screen, or near? @param {{ current: HTMLElement | null }} box */
function useSeen(box) {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)), { rootMargin: "200px" });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return isSeen;
}

/**
 * Loads and draws, not more often than an eye follows.
 * @param {{ current: HTMLElement | null }} box
 * @param {{ curve: Curve, metrics: Metrics, axis: "step" | "time", log: boolean, range: [number, number] | null, started: number, isSeen: boolean, count: number, setHover: (place: number | null) => void }} how
 */
function useChart(box, how) {
  const { curve, metrics, axis, log, range, started, isSeen, count } = how;
  const chart = useRef(/** @type {Chart | null} */ (null));
  const due = useRef(0);
  const [, again] = useState(0);
  const [skin, setSkin] = useState(0);
  useEffect(() => {
    const change = () => setSkin((one) => one + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", change);
    media.addEventListener("change", change);
    return () => (removeEventListener("themechange", change), media.removeEventListener("change", change));
  }, []);
  useEffect(() => {
    if (!box.current) return undefined;
    const made = new Chart(box.current, { axis, log, hover: how.setHover, zoom: (to) => metrics.zoom(to) });
    chart.current = made;
    due.current = 0;
    return () => made.close();
  }, [axis, log, skin]);
  const steps = axis === "step" && curve.hasSteps ? range : null;
  useEffect(() => {
    if (isSeen) curve.load(steps).then(() => again((one) => one + 1));
  }, [isSeen && steps?.join(), isSeen]);
  useEffect(() => {
    if (!isSeen || !curve.isLoaded) return undefined;
    const timer = setTimeout(() => {
      due.current = Date.now() + REDRAW_MS;
      chart.current?.draw(curve.drawn(axis, started), range);
      again((one) => one + 1);
    }, Math.max(0, due.current - Date.now()));
    return () => clearTimeout(timer);
  }, [isSeen, curve.isLoaded, curve.buckets, count, axis, log, skin, range]);
  return chart.current;
}

/** @param {{ curve: Curve, metrics: Metrics }} props */
function Text({ curve, metrics }) {
  metrics.moved.value.get(curve.key);
  return html`<tr><th scope="row"><bdi>${title(curve)}</bdi></th><td><bdi>${value(curve.series.last)}</bdi> <span class="dim small">${plural(curve.series.count, "value")}</span></td></tr>`;
}

/** @param {{ tables: [string, { kind: string, count: number, last: Record<string, any> | null }][] }} props */
function Tables({ tables }) {
  return html`<div class="card scroll"><table class="pairs"><tbody>
    ${tables.map(([name, table]) => html`<tr>
      <th scope="row"><bdi>${plain(name)}</bdi></th>
      <td>${plural(table.count, "row")} <span class="dim small">${table.last && `the last: ${Object.entries(table.last).map(([key, cell]) => `${plain(key)}=${value(cell)}`).join(" ")}`}</span></td>
    </tr>`)}
  </tbody></table></div>`;
}
