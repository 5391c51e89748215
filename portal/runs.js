// The list of runs: a query, columns, an order; and what is done with those chosen.
import { signal } from "@preact/signals";
import { render } from "preact";
import { useState } from "preact/hooks";
import { queried, withQuery } from "./address.js";
import { Dialog, TagDialog, Toast, tell } from "./dialogs.js";
import { grouped, plural } from "./format.js";
import { html } from "./html.js";
import { MARKS } from "./pill.js";
import { QueryBox } from "./query-box.js";
import { PLAIN, Runs } from "./runs-data.js";
import { Table, heading } from "./runs-table.js";
import { listen } from "./stream.js";
import { start } from "./times.js";

/** @import { ListStart, Run } from "./types" */
/** @import { Names } from "./query-box.js" */

const EVERY_MS = 1000;
const LOOK_MS = 15_000;
const LEARN_MS = 3000;
const COMPARED = 100;
/** Of a list so many are compared. */
const LISTED = 500;
const data = /** @type {ListStart} */ (JSON.parse(document.getElementById("data")?.textContent ?? "{}"));
const runs = new Runs(data);
const at = signal(-1);
const asking = signal(/** @type {"" | "tag" | "columns" | "purge"} */ (""));
/** @type {Promise<Names> | null} */
let named = null;

/** @returns {Promise<Names>} */
function names() {
  named ??= fetch(`/api/v1/names?${new URLSearchParams(data.experiment ? { experiment: data.experiment } : {})}`).then((response) => response.json());
  return named;
}

function App() {
  const total = runs.total.value;
  const isEmpty = total === 0 && !runs.wrong.value;
  return html`
    <div class="heading">
      <h1><bdi>${data.title}</bdi>${runs.isDeleted.value && html` <span class="dim">deleted</span>`}</h1>
      <${QueryBox} text=${queried("query", queried("text"))} names=${names} wrong=${runs.wrong.value} ask=${(/** @type {string} */ query) => runs.want({ query, text: null }, false)} />
    </div>
    <div class="heading tight">
      <${Chips} />
      <div class="tools">
        ${data.parent && html`<a class="button" href=${`/runs/${data.parent}`}>Parent run</a>`}
        ${total > 1 && !runs.isDeleted.value && hasFilter() && html`<a class="button" href=${`/compare?${listed()}`} title="Their charts over one another: lines, or of many their median and spread">Compare ${total > LISTED ? `the first ${LISTED}` : `all ${total}`}</a>`}
        <button type="button" onClick=${() => (asking.value = "columns")}>Columns…</button>
        <a class="button" href=${withQuery({ deleted: runs.isDeleted.value ? null : "1" })} onClick=${(/** @type {Event} */ event) => (event.preventDefault(), runs.choose([...runs.chosen.peek().values()], false), runs.want({ deleted: runs.isDeleted.value ? null : "1" }))}>${runs.isDeleted.value ? "Back to the runs" : "Deleted"}</a>
      </div>
    </div>
    ${runs.count.value > 0 && html`<${Actions} />`}
    ${isEmpty ? html`<p class="card dim pad">${runs.isDeleted.value ? "Nothing is deleted." : "No run fits."} ${queried("query") && html`<button type="button" onClick=${() => location.assign(withQuery({ query: null, status: null }))}>All runs</button>`}</p>` : html`<${Table} runs=${runs} best=${data.best} at=${at.value} setAt=${(/** @type {number} */ place) => (at.value = place)} />`}
    <p class="dim small under" aria-live="polite">${plural(total, "run")}${runs.wrong.value ? ", as before" : queried("query") || queried("status") ? " fit" : ""}</p>
    ${asking.value === "tag" && html`<${TagDialog} count=${runs.count.value} give=${tag} close=${closed} />`}
    ${asking.value === "columns" && html`<${ColumnDialog} />`}
    ${asking.value === "purge" && html`<${PurgeDialog} />`}
    <${Toast} />`;
}

/** What the address says of which runs are in the list, and in which order. */
function listed() {
  const given = new URLSearchParams(location.search);
  return new URLSearchParams(["experiment", "parent", "query", "status", "text", "sort", "order"].flatMap((name) => (given.get(name) ? [[name, given.get(name) ?? ""]] : [])));
}

/** All runs of all experiments have nothing to be compared by. */
function hasFilter() {
  return [...listed().keys()].some((name) => name !== "sort" && name !== "order");
}

function closed() {
  asking.value = "";
}

/** Each status with its count, to choose by. */
function Chips() {
  const statuses = runs.statuses.value;
  const now = queried("status");
  const all = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const chip = (/** @type {string} */ status, /** @type {unknown} */ inner) => html`<a href=${withQuery({ status })} aria-current=${now === status ? "true" : undefined}
    onClick=${(/** @type {MouseEvent} */ event) => event.ctrlKey || event.metaKey || (event.preventDefault(), runs.want({ status }))}>${inner}</a>`;
  return html`<nav class="chips" aria-label="By status">
    ${chip("", `All ${grouped(all)}`)}
    ${Object.entries(MARKS).filter(([status]) => statuses[status] || now === status).map(([status, mark]) => chip(status, html`<span class="glyph ${status.toLowerCase()}" aria-hidden="true">${mark}</span>${status} ${grouped(statuses[status] ?? 0)}`))}
  </nav>`;
}

/** What can be done with the runs chosen. */
function Actions() {
  const chosen = [...runs.chosen.value.values()];
  const query = new URLSearchParams(chosen.slice(0, COMPARED).map((run) => ["run", run.run_id]));
  const running = chosen.filter((run) => run.ended === null).length;
  return html`<div class="actions card" role="region" aria-label="Chosen runs">
    <b>${plural(chosen.length, "run")} chosen</b>
    ${runs.isDeleted.value
      ? html`<button type="button" onClick=${() => restore(chosen)}>Restore</button><button type="button" class="stop" onClick=${() => (asking.value = "purge")}>Purge…</button>`
      : html`<a class="button primary" href=${`/compare?${query}`} aria-disabled=${chosen.length < 2 ? "true" : undefined}>Compare${chosen.length > COMPARED ? ` the first ${COMPARED}` : ""}</a>
        <button type="button" onClick=${() => (asking.value = "tag")}>Tag…</button>
        <button type="button" class="stop" disabled=${running > 0} title=${running ? "Runs that still go on are stopped first" : ""} onClick=${() => remove(chosen)}>Delete</button>`}
    <button type="button" onClick=${() => runs.choose(chosen, false)}>Choose none</button>
  </div>`;
}

/** @param {Run[]} chosen */
function ids(chosen) {
  return chosen.map((run) => run.run_id);
}

/** @param {Run[]} chosen */
async function remove(chosen) {
  const wrong = await runs.each(ids(chosen), "POST", "/delete");
  runs.choose(chosen, false);
  tell(wrong || `${plural(chosen.length, "run")} deleted.`, wrong ? null : () => restore(chosen));
}

/** @param {Run[]} chosen */
async function restore(chosen) {
  const wrong = await runs.each(ids(chosen), "POST", "/restore");
  runs.choose(chosen, false);
  tell(wrong || `${plural(chosen.length, "run")} restored.`);
}

/** @param {string} name @param {string} value */
async function tag(name, value) {
  const chosen = [...runs.chosen.peek().values()];
  const before = new Map(chosen.map((run) => [run.run_id, run.tags[name]]));
  const wrong = await runs.each(ids(chosen), "PATCH", "", { tags: { [name]: value } });
  named = null;
  tell(wrong || `${plural(chosen.length, "run")} tagged.`, wrong ? null : () => [...before].forEach(([run, old]) => runs.each([run], "PATCH", "", { tags: { [name]: old ?? null } })));
}

function PurgeDialog() {
  const chosen = [...runs.chosen.value.values()];
  const purge = async () => {
    closed();
    const wrong = await runs.each(ids(chosen), "DELETE", "");
    runs.choose(chosen, false);
    tell(wrong || `${plural(chosen.length, "run")} purged.`);
  };
  return html`<${Dialog} title=${`Purge ${plural(chosen.length, "run")}?`} close=${closed}>
    <p>Everything of ${chosen.length === 1 ? "it" : "them"} goes, for good: metrics, logs, and files that no other run has.</p>
    <div class="tools"><button type="button" class="stop" onClick=${purge}>Purge for good</button><button type="button" onClick=${closed}>Leave them</button></div>
  <//>`;
}

function ColumnDialog() {
  const [found, setFound] = useState(/** @type {Names | null} */ (null));
  const [text, setText] = useState("");
  if (!found) names().then(setFound);
  const known = [...PLAIN.filter((name) => name !== "experiment" || !data.experiment), ...(found?.metrics ?? []).map((name) => `metrics.${name}`), ...(found?.params ?? []).map((name) => `params.${name}`), ...(found?.tags ?? []).map((name) => `tags.${name}`)];
  const shown = runs.columns.value;
  const all = [...shown, ...known.filter((name) => !shown.includes(name))].filter((name) => name.toLowerCase().includes(text.toLowerCase()));
  const set = (/** @type {string} */ name, /** @type {boolean} */ on) => (runs.show(on ? [...shown, name] : shown.filter((one) => one !== name)), learn());
  const move = (/** @type {string} */ name) => {
    const place = shown.indexOf(name);
    if (place > 0) runs.show([...shown.slice(0, place - 1), name, shown[place - 1] ?? name, ...shown.slice(place + 1)]);
  };
  return html`<${Dialog} title="Columns" close=${closed}>
    <input type="search" aria-label="Find a column" placeholder="Find a column" onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
    <ul class="columns-list">${all.map((name) => html`<li key=${name}><label><input type="checkbox" checked=${shown.includes(name)} onChange=${(/** @type {any} */ event) => set(name, event.target.checked)} /> <span class="dim">${name.includes(".") ? `${name.slice(0, name.indexOf("."))} ` : ""}</span><bdi>${heading(name)}</bdi></label>${shown.indexOf(name) > 0 && html`<button type="button" class="icon" aria-label=${`Move ${heading(name)} to the left`} onClick=${() => move(name)}>↑</button>`}</li>`)}</ul>
    <div class="tools"><button type="button" onClick=${() => runs.show(runs.defaults)}>As they were</button><button type="button" class="primary" onClick=${closed}>Done</button></div>
  <//>`;
}

addEventListener("popstate", () => (runs.fromAddress(), runs.refresh(true), runs.recall()));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || asking.value || (event.target instanceof HTMLInputElement && event.target.type !== "checkbox")) return;
  if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  else if (event.key === "x") choose();
  else if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search")?.focus();
  }
});

/** @param {number} by */
function move(by) {
  at.value = Math.min(runs.total.peek() - 1, Math.max(0, at.peek() + by));
  requestAnimationFrame(() => requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector("tr.chosen a.main"))?.focus({ preventScroll: true })));
}

function choose() {
  const run = runs.row(at.peek());
  if (run) runs.choose([run], !runs.chosen.peek().has(run.run_id));
}

let due = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => ((due = Date.now() + EVERY_MS), learn(), runs.refresh(false)), Math.max(0, due - Date.now()));
}

let learnt = 0;
/** Runs that had no metric and no parameter when the page was made have no column of one, and of a column that was added nobody said which way is better: the server is asked again. */
async function learn() {
  const isBare = !runs.defaults.some((name) => name.includes(".")) && runs.total.peek() > 0;
  if (isBare ? Date.now() < learnt + LEARN_MS : runs.metrics.every((name) => name in data.best)) return;
  learnt = Date.now();
  const page = await fetch(location.href).then((response) => response.text(), () => "");
  const begun = new DOMParser().parseFromString(page, "text/html").getElementById("data")?.textContent;
  if (!begun) return;
  const { best, columns } = /** @type {ListStart} */ (JSON.parse(begun));
  Object.assign(data.best, best);
  named = null;
  if (!queried("cols")) runs.defaults = columns;
  runs.fromAddress();
  runs.refresh(false);
}

/** What falls silent changes nothing in the store: a running one is looked at now and then. */
function look() {
  const [first, last] = runs.seen;
  const isRunning = (/** @type {number} */ place) => runs.row(place)?.status === "Running";
  if (!document.hidden && Array.from({ length: last - first }, (_, at) => first + at).some(isRunning)) changed();
}

const root = document.getElementById("app");
if (root) {
  // What the server made of it is the same, and stays: nothing is laid out twice.
  root.querySelector(".pager")?.remove(); // for who has no scripts
  render(html`<${App} />`, root);
  start();
  runs.recall();
  setInterval(look, LOOK_MS);
  // The rows are to be seen before the server is asked for their sparklines.
  requestAnimationFrame(() => setTimeout(() => runs.readSparks(data.page.runs)));
  let isFirst = true;
  listen(() => "/api/v1/events", { changed: () => (isFirst ? (isFirst = false) : changed()) }, "");
}
