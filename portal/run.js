// A run's page: takes over from what the server made, puts it under tabs, and keeps it up to date.
import { computed, signal } from "@preact/signals";
import { render } from "preact";
import { queried, setQuery, withQuery } from "./address.js";
import { Toast, tell } from "./dialogs.js";
import { None } from "./empty.js";
import { grouped } from "./format.js";
import { html } from "./html.js";
import { Later, prepare } from "./later.js";
import { Log, LogView } from "./log.js";
import { Metrics } from "./metrics-data.js";
import { Pill } from "./pill.js";
import { Head } from "./run-head.js";
import { listen } from "./stream.js";
import { start } from "./times.js";

/** @import { File, LineNews, Run, SeriesNews, Start } from "./types" */

const data = /** @type {Start} */ (JSON.parse(document.getElementById("data")?.textContent ?? "{}"));
const run = signal(data.run);
const files = signal({ shown: data.files, count: data.file_count });
const metrics = new Metrics(data.run.run_id, data.series);
const view = new LogView(data.run.run_id, data.attempt);
const gone = signal(false);
const tab = signal("overview");
const isTable = signal(false);
const api = `/api/v1/runs/${data.run.run_id}`;
const series = computed(() => (metrics.moved.value, [...metrics.curves.value.values()].map((curve) => curve.series)));
const WARNING = 30;
const AGAIN_MS = 1000;
/** What a tab shows is loaded with it: a log is on the screen before the charts are. */
const OVERVIEW = () => import("./overview.js").then((found) => found.Overview);
const METRICS = () => import("./metrics.js").then((found) => found.MetricsView);
const VALUES = () => import("./values.js").then((found) => found.Values);
const PRINTED = () => import("./printed.js").then((found) => found.Printed);
const FILES = () => import("./files.js").then((found) => found.Files);
const DETAILS = () => import("./details.js").then((found) => found.Details);
const CHARTS = () => import("./charts.js").then((found) => found.Charts);
const IMAGES = () => import("./images.js").then((found) => found.Images);
/** By the tab that begins with it. @type {Record<string, () => Promise<any>>} */
const FIRST = { overview: OVERVIEW, metrics: METRICS, files: FILES, details: DETAILS, charts: CHARTS, images: IMAGES };
/** What most people come to, so it is there when they do: loaded after what they came for. */
const SOON = [PRINTED, OVERVIEW, METRICS, FILES];
/** The tabs that tell what was read from the run's output, and what was not. */
const PRINTED_IN = ["overview", "metrics", "logs"];

/** The tabs: name, title, how much is in it (null: not counted). */
const tabs = computed(() => {
  const figures = run.value.figures ?? [];
  const pictures = figures.filter((one) => one.type.startsWith("image/")).length;
  return /** @type {[string, string, number | null][]} */ ([
    ["overview", "Overview", null],
    ["metrics", "Metrics", series.value.length],
    ["logs", "Logs", null],
    // Without charts of its own a parent shows those of its children.
    ["charts", "Charts", figures.length - pictures || (run.value.children?.length ? null : 0)],
    ["images", "Images", pictures],
    ["files", "Files", files.value.count],
    ["children", "Child runs", run.value.children?.length ?? 0],
    ["details", "Details", null],
  ]);
});

/** @param {string} name */
function go(name) {
  tab.value = name;
  setQuery({ tab: name === "overview" ? null : name }, true);
}

function fromAddress() {
  const wanted = queried("tab", "overview");
  tab.value = tabs.peek().some(([name]) => name === wanted) ? wanted : "overview";
  isTable.value = queried("view") === "table";
  metrics.search.value = queried("metric");
  metrics.look.fromAddress();
}

function App() {
  return html`
    <${Head} run=${run.value} gone=${gone.value} changed=${readRun} />
    <${Tabs} />
    ${PRINTED_IN.includes(tab.value) && html`<${Later} quiet load=${PRINTED} given=${{ run: data.run.run_id, attempt: data.attempt, isOver: run.value.ended !== null, names: series.value.filter((one) => one.source === "printed").map((one) => one.name) }} />`}
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${tab.value}`} class=${`panel panel-${tab.value}`}><${Panel} /></div>
    <${Toast} />`;
}

function Tabs() {
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const place = tabs.peek().findIndex(([name]) => name === tab.peek());
    const next = tabs.peek().at((place + by) % tabs.peek().length)?.[0] ?? "overview";
    go(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="Parts of the run" onKeyDown=${keyed}>
    ${tabs.value.map(([name, title, count]) => html`<a role="tab" key=${name} id=${`tab-${name}`} href=${withQuery({ tab: name })} aria-selected=${tab.value === name} aria-controls="panel" tabindex=${tab.value === name ? 0 : -1} class=${count === 0 ? "none" : ""}
      onClick=${(/** @type {MouseEvent} */ event) => event.ctrlKey || event.metaKey || (event.preventDefault(), go(name))}>${title}${count ? html` <span class="count">${grouped(count)}</span>` : ""}</a>`)}
  </div>`;
}

function Panel() {
  const now = run.value;
  switch (tab.value) {
    case "metrics":
      return html`<${MetricsTab} />`;
    case "logs":
      return html`<${Attempts} run=${now} /><${Log} view=${view} isOver=${now.ended !== null} />`;
    case "charts":
      return html`<${Later} key="charts" load=${CHARTS} given=${{ run: { ...now, tables: {} }, look: metrics.look }} />`;
    case "images":
      return html`<${Later} key="images" load=${IMAGES} given=${{ runs: [now] }} />`;
    case "files":
      return html`<${Later} key="files" load=${FILES} given=${{ run: now, files: files.value.shown, count: files.value.count, all: readFiles }} />`;
    case "children":
      return html`<${Children} run=${now} />`;
    case "details":
      return html`<${Later} key="details" load=${DETAILS} given=${{ run: now }} />`;
    default:
      return html`<${Later} key="overview" load=${OVERVIEW} given=${{ run: now, series: series.value, view, go, changed: readRun }} />`;
  }
}

function MetricsTab() {
  const set = (/** @type {boolean} */ on) => ((isTable.value = on), setQuery({ view: on ? "table" : null }));
  return html`<div class="choice views" role="group" aria-label="How metrics are shown">
      <button type="button" aria-pressed=${!isTable.value} onClick=${() => set(false)}>Charts</button>
      <button type="button" aria-pressed=${isTable.value} onClick=${() => set(true)}>Table</button>
    </div>
    ${isTable.value ? html`<${Later} key="values" load=${VALUES} given=${{ series: series.value, isOver: run.value.ended !== null }} />` : html`<${Later} key="charts" load=${METRICS} given=${{ metrics, run: run.value }} />`}`;
}

/** Of a run that was resumed: whose log is shown. @param {{ run: Run }} props */
function Attempts({ run }) {
  const attempts = run.attempts ?? [];
  if (attempts.length < 2) return null;
  return html`<nav class="chips" aria-label="Log by attempt">
    ${[null, ...attempts.map((one) => one.attempt)].map(
      (one) => html`<a href=${`/runs/${run.run_id}?tab=logs${one === null ? "" : `&attempt=${one}`}`} aria-current=${one === data.attempt ? "true" : undefined}>${one === null ? "All attempts" : `Attempt ${one}`}</a>`,
    )}
  </nav>`;
}

/** @param {{ run: Run }} props */
function Children({ run }) {
  const kids = run.children ?? [];
  if (!kids.length) return html`<${None} of="child run" isOver=${run.ended !== null} />`;
  const compared = new URLSearchParams({ parent: run.run_id, sort: "number", order: "up" });
  return html`<div class="heading"><span class="dim">by number</span><div class="tools"><a class="button" href=${`/compare?${compared}`}>Compare them</a><a class="button" href=${`/runs?parent=${run.run_id}&sort=number&order=up`}>As a list, with metrics</a></div></div>
    <div class="card scroll"><table class="list"><thead><tr><th scope="col">#</th><th scope="col">Run</th><th scope="col">Status</th></tr></thead>
    <tbody>${[...kids].sort((one, other) => one.number - other.number).map((one) => html`<tr key=${one.run_id}><td class="figure"><a class="main" href=${`/runs/${one.run_id}`}>#${one.number}</a></td><td><bdi>${one.name || one.run_id}</bdi></td><td><${Pill} run=${one} /></td></tr>`)}</tbody></table></div>`;
}

async function readFiles() {
  const response = await fetch(`${api}/artifacts`);
  if (!response.ok) return;
  const found = /** @type {File[]} */ (await response.json());
  files.value = { shown: found, count: found.length };
}

let due = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** A status, a tag or a parameter changed, or it warned: what is counted elsewhere is read again, not more often than an eye follows. */
function readRun() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    due = Date.now() + AGAIN_MS;
    const response = await fetch(api).catch(() => null);
    if (response?.ok) run.value = await response.json();
    else if (response?.status === 404) gone.value = true;
  }, Math.max(0, due - Date.now()));
}

/** @param {LineNews} news */
function heard(news) {
  view.add(news);
  if (news.lines.some((line) => (line.levelno ?? 0) >= WARNING)) readRun();
}

/** To the run before or after this one in its experiment, with the same tab. @param {boolean} isAfter */
async function beside(isAfter) {
  const { experiment, number } = run.peek();
  const query = new URLSearchParams({ experiment, query: `number ${isAfter ? ">" : "<"} ${number}`, sort: "number", order: isAfter ? "up" : "down", limit: "1", metric: "" });
  const response = await fetch(`/api/v1/runs?${query}`).catch(() => null);
  const [found] = response?.ok ? (await response.json()).runs : [];
  if (found) location.assign(`/runs/${found.run_id}${tab.peek() === "overview" ? "" : `?tab=${tab.peek()}`}`);
  else tell(response?.ok ? `There is no run ${isAfter ? "after" : "before"} this one.` : "The agent does not answer; on the machine: outrider ui");
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.key === "f") (tab.peek() === "logs" || go("logs"), view.toEnd());
  else if (event.key === "[" || event.key === "]") beside(event.key === "]");
  else if (event.key === "/") {
    event.preventDefault();
    if (!document.getElementById("search")) go("logs");
    requestAnimationFrame(() => document.getElementById("search")?.focus());
  }
});
addEventListener("popstate", fromAddress);
addEventListener("hashchange", () => metrics.look.fromAddress());

let versions = -1;
fromAddress();
view.begin(data.log);
const root = document.getElementById("app");
const first = FIRST[tab.peek()];
if (first) await prepare(first);
if (root) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  start();
  requestAnimationFrame(() => setTimeout(() => SOON.forEach((load) => prepare(load))));
  const attempt = data.attempt === null ? "" : `&attempt=${data.attempt}`;
  listen((since) => `${api}/events?since=${since}&lines=1${attempt}`, {
    run: (/** @type {Run} */ now) => ((run.value = { ...run.peek(), ...now }), readRun()),
    lines: heard,
    series: (/** @type {SeriesNews[]} */ news) => metrics.add(news),
    artifacts: (/** @type {{ versions: number }} */ news) => {
      if (news.versions !== versions) readFiles(), readRun();
      versions = news.versions;
    },
    deleted: () => (gone.value = true),
  }, data.log.since);
}
