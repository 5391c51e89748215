// Runs beside one another: their charts in one, what differs between them, images and logs side by side.
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { queried, setQuery, withQuery } from "./address.js";
import { local, plain, plural, shorten, value } from "./format.js";
import { html } from "./html.js";
import { Fold } from "./kept.js";
import { Later, prepare } from "./later.js";
import { element } from "./log-line.js";
import { Pill } from "./pill.js";
import { start } from "./times.js";

/** @import { Comparison, Difference, Ending, Run } from "./types" */

const data = /** @type {{ comparison: Comparison, runs: string[] }} */ (JSON.parse(document.getElementById("data")?.textContent ?? "{}"));
const { runs } = data.comparison;
const tab = signal("differences");
const isAll = signal(false);
const LINES = 300;
/** So much of a text is shown: where two differ, it may be at their ends. */
const LETTERS = 500;
const TABS = [["differences", "Differences"], ["charts", "Charts"], ["images", "Images"], ["logs", "Logs"]];
const CHARTS = () => import("./charts.js").then((found) => found.Charts);
const IMAGES = () => import("./images.js").then((found) => found.Images);

function fromAddress() {
  const wanted = queried("tab", "differences");
  tab.value = TABS.some(([name]) => name === wanted) ? wanted : "differences";
  isAll.value = queried("all") === "1";
}

/** @param {string} name */
function go(name) {
  tab.value = name;
  setQuery({ tab: name === "differences" ? null : name }, true);
}

function App() {
  const known = runs.map((run) => ({ ...run, run_id: run.run_id }));
  return html`
    <div class="heading"><h1>Compare ${plural(data.runs.length, "run")}</h1></div>
    ${data.comparison.sentence && html`<p class="about">${plain(data.comparison.sentence)}</p>`}
    <div class="tabs" role="tablist" aria-label="Parts of the comparison">
      ${TABS.map(([name = "", title]) => html`<a role="tab" key=${name} id=${`tab-${name}`} href=${withQuery({ tab: name })} aria-selected=${tab.value === name} aria-controls="panel" tabindex=${tab.value === name ? 0 : -1}
        onClick=${(/** @type {MouseEvent} */ event) => event.ctrlKey || event.metaKey || (event.preventDefault(), go(name))} onKeyDown=${keyed}>${title}</a>`)}
    </div>
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${tab.value}`}>
      ${tab.value === "charts" && html`<${Later} key="charts" load=${CHARTS} given=${{ runs: data.runs.map((run_id) => ({ run_id })) }} />`}
      ${tab.value !== "charts" && data.runs.length > runs.length && html`<p class="dim">Of the first ${runs.length}; the charts have all ${data.runs.length}.</p>`}
      ${tab.value === "images" && html`<${Later} key="images" load=${IMAGES} given=${{ runs: ids() }} />`}
      ${tab.value === "logs" && html`<${Logs} runs=${known} />`}
      ${tab.value === "differences" && html`<${Differences} />`}
    </div>`;
}

/** @param {KeyboardEvent} event */
function keyed(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const next = TABS.at((TABS.findIndex(([name]) => name === tab.peek()) + by) % TABS.length)?.[0] ?? "differences";
  go(next);
  document.getElementById(`tab-${next}`)?.focus();
}

function ids() {
  return runs.map(({ run_id }) => ({ run_id }));
}

function Differences() {
  const { sections } = data.comparison;
  const set = (/** @type {boolean} */ on) => ((isAll.value = on), setQuery({ all: on ? "1" : null }));
  const shown = sections.map((section) => ({ ...section, rows: isAll.value ? section.rows : section.rows.filter((row) => row.differs) })).filter((section) => section.rows.length);
  return html`<div class="heading"><span></span><div class="choice" role="group" aria-label="Rows">
      <button type="button" aria-pressed=${!isAll.value} onClick=${() => set(false)}>Only what differs</button>
      <button type="button" aria-pressed=${isAll.value} onClick=${() => set(true)}>Everything</button>
    </div></div>
    ${shown.length === 0 && html`<p class="card dim pad">Nothing differs.</p>`}
    <div class="card scroll compare" tabindex="0" role="region" aria-label="Differences"><table class="list">
      <thead><tr><th scope="col"><span class="skip">What</span></th>${runs.map((run) => html`<th scope="col"><a href=${`/runs/${run.run_id}`}><bdi>${plain(run.name || run.run_id)}</bdi> <span class="dim">#${run.number}</span></a><div><${Pill} run=${run} /></div></th>`)}</tr></thead>
      ${shown.map((section) => html`<tbody key=${section.title}><tr class="section"><th scope="rowgroup" colspan=${runs.length + 1}>${section.title}</th></tr>
        ${section.rows.map((row) => html`<${Row} key=${row.name} row=${row} />`)}</tbody>`)}
    </table></div>
    ${data.comparison.code.length > 0 && html`<${Code} />`}`;
}

/** A moment as everywhere else on the pages. @param {any} one */
function shown(one) {
  if (typeof one !== "string") return value(one);
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(one) ? local(one) : shorten(plain(one), LETTERS);
}

/** @param {{ row: Difference }} props */
function Row({ row }) {
  return html`<tr class=${row.differs ? "differs" : ""}><th scope="row"><bdi>${plain(row.name)}</bdi></th>
    ${row.values.map((one, place) => html`<td class=${`${typeof one === "number" ? "right figure" : ""} ${row.best === place ? "top" : ""}`}>${one === null ? html`<span class="dim">-</span>` : typeof one === "number" ? value(one) : html`<bdi class=${typeof one === "string" ? "wrap" : ""}>${shown(one)}</bdi>`}${row.best === place && html`<span class="dim small"> best</span>`}</td>`)}</tr>`;
}

/** The code that changed between neighbours. */
function Code() {
  return html`<section aria-label="Code"><div class="heading"><h2>Code</h2></div>
    ${data.comparison.code.map((one) => html`<${Fold} title=${one.path} class="card" open=${data.comparison.code.length < 4}><summary><bdi>${plain(one.path)}</bdi> <span class="dim small">${plain(one.what)}</span></summary>
      ${one.diff && html`<pre class="content diff" tabindex="0">${one.diff.split("\n").map((line) => html`<span class=${line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : line.startsWith("@") ? "dim" : ""}>${line}${"\n"}</span>`)}</pre>`}<//>`)}
  </section>`;
}

/** @param {{ runs: Run[] }} props */
function Logs({ runs }) {
  return html`<div class="logs-beside">${runs.slice(0, 8).map((run) => html`<section class="card" key=${run.run_id} aria-label=${`Log of ${plain(run.name || run.run_id)}`}>
    <h2><a href=${`/runs/${run.run_id}?tab=logs`}><bdi>${plain(run.name || run.run_id)}</bdi></a> <span class="dim">#${run.number}</span></h2><${LogEnd} run=${run} /></section>`)}</div>
    ${runs.length > 8 && html`<p class="dim">The first 8 of ${runs.length}.</p>`}`;
}

/** @param {{ run: Run }} props */
function LogEnd({ run }) {
  const [ending, setEnding] = useState(/** @type {Ending | null} */ (null));
  useEffect(() => {
    fetch(`/api/v1/runs/${run.run_id}/lines?limit=${LINES}`).then((response) => response.json()).then(setEnding, () => undefined);
  }, [run.run_id]);
  const fill = (/** @type {HTMLElement | null} */ box) => {
    if (!box || !ending) return;
    box.replaceChildren(...ending.lines.filter((line) => !line.echo).map(element));
    box.scrollTop = box.scrollHeight;
  };
  if (ending && ending.lines.every((line) => line.echo)) return html`<p class="dim pad">Nothing was logged or printed.</p>`;
  return html`<div class="log" ref=${fill} tabindex="0" role="log" aria-label=${`The end of the log of ${plain(run.name || run.run_id)}`}></div>`;
}

addEventListener("popstate", fromAddress);
fromAddress();
const first = { charts: CHARTS, images: IMAGES }[tab.peek()];
if (first) await prepare(first);
const root = document.getElementById("app");
if (root && runs.length) {
  // What the server made is to be seen before it is drawn anew: a hundred columns take their time.
  if (!document.hidden) await new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)));
  root.replaceChildren();
  render(html`<${App} />`, root);
  start();
}
