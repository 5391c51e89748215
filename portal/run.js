// A run's page: takes over from what the server made, and keeps it up to date.
import { signal } from "@preact/signals";
import { render } from "preact";
import { ago, commandLine, duration, plain, safe, size, value } from "./format.js";
import { html } from "./html.js";
import { Log, LogView } from "./log.js";
import { Metrics, MetricsView } from "./metrics.js";
import { Printed } from "./printed.js";
import { listen } from "./stream.js";
import { start } from "./times.js";

/** @import { Child, Figure, File, LineNews, Model, Run, Start, Value } from "./types" */

const data = /** @type {Start} */ (JSON.parse(document.getElementById("data")?.textContent ?? "{}"));
const run = signal(data.run);
const files = signal({ shown: data.files, count: data.file_count });
const metrics = new Metrics(data.run.run_id, data.series);
const view = new LogView(data.run.run_id, data.attempt);
const gone = signal(false);
const api = `/api/v1/runs/${data.run.run_id}`;
const MARKS = { Running: "●", Completed: "✓", Failed: "✕", Canceled: "■", Unknown: "?" };
const FILES = 500;

function App() {
  return html`
    ${gone.value && html`<p class="notice" role="status">This run was deleted. What is shown here is what was last seen.</p>`}
    <${Head} run=${run.value} />
    <${Printed} run=${data.run.run_id} isOver=${run.value.ended !== null} names=${[...metrics.curves.value.values()].filter((curve) => curve.series.source === "printed").map((curve) => curve.series.name)} />
    <div class="columns">
      <div>
        <${MetricsView} metrics=${metrics} run=${run.value} />
        <${Attempts} run=${run.value} />
        <${Log} view=${view} isOver=${run.value.ended !== null} />
      </div>
      <aside>
        <${Figures} figures=${run.value.figures ?? []} />
        <${Models} models=${run.value.models ?? []} />
        <${Children} kids=${run.value.children ?? []} />
        <${Files} />
        <${Pairs} title="Parameters" given=${run.value.params} />
        <${Pairs} title="Tags" given=${run.value.tags} />
        <${Pairs} title="Properties" given=${run.value.properties ?? {}} />
      </aside>
    </div>`;
}

/** @param {{ run: Run }} props */
function Head({ run }) {
  const who = [run.user, run.host].filter((part) => part).join(" · ");
  const error = run.error && (run.error.traceback || `${run.error.type ?? ""}: ${run.error.message ?? ""}`);
  return html`
    <div class="heading">
      <h1><bdi>${plain(run.name || run.experiment)}</bdi> <span class="dim">#${run.number}</span></h1>
      <span class="pill ${run.status.toLowerCase()}"><span class="glyph" aria-hidden="true">${MARKS[run.status]}</span>${run.status}${run.why && html`<span class="why"> · ${plain(run.why)}</span>`}</span>
      ${run.status === "Running" && html`<button type="button" class="stop" onClick=${stop}>Stop…</button>`}
    </div>
    ${run.description && html`<p class="about">${plain(run.description)}</p>`}
    <dl class="facts">
      <div><dt>Started</dt><dd><time datetime=${run.started} data-ago title=${new Date(run.started).toLocaleString()}>${ago(Date.parse(run.started), Date.now())}</time></dd></div>
      <div><dt>Duration</dt><dd>${run.ended ? html`<span class="figure">${duration(run.duration_s)}</span>` : html`<span class="figure" data-since=${run.started}>${duration(Math.max(0, Date.now() - Date.parse(run.started)) / 1000)}</span>`}</dd></div>
      ${who && html`<div><dt>Host</dt><dd><bdi>${plain(who)}</bdi></dd></div>`}
      ${run.python && html`<div><dt>Python</dt><dd>${run.python}</dd></div>`}
      <div><dt>Run</dt><dd><code>${run.run_id}</code></dd></div>
      ${run.parent && html`<div><dt>Parent</dt><dd><a href=${`/runs/${run.parent}`}><code>${run.parent}</code></a></dd></div>`}
    </dl>
    ${run.command && html`<div class="command"><pre tabindex="0"><code>${plain(commandLine(run.command))}</code></pre><${Copy} text=${commandLine(run.command)} /></div>`}
    ${error && html`<pre class="traceback" tabindex="0">${safe(error)}</pre>`}
    <${Losses} run=${run} />`;
}

/** What was lost or is odd, said where it is seen. @param {{ run: Run }} props */
function Losses({ run }) {
  const refused = (run.gaps ?? []).reduce((sum, gap) => sum + gap.records, 0);
  const sentences = (run.notes ?? []).filter((note) => (note.level ?? 30) >= 30).map((note) => note.message);
  if (refused) sentences.push(`${refused.toLocaleString("en")} records were refused here: ${run.gaps?.[0]?.why ?? "the reason is not known"}.`);
  if (run.set_aside?.length) sentences.push(`Lines that could not be read were set aside: outrider show ${run.run_id} lists them.`);
  return sentences.map((sentence) => html`<p class="notice">${plain(sentence)}</p>`);
}

/** Of a run that was resumed: whose log is shown. @param {{ run: Run }} props */
function Attempts({ run }) {
  const attempts = run.attempts ?? [];
  if (attempts.length < 2) return null;
  return html`<nav class="chips" aria-label="Log by attempt">
    ${[null, ...attempts.map((one) => one.attempt)].map(
      (one) => html`<a href=${`/runs/${run.run_id}${one === null ? "" : `?attempt=${one}`}`} aria-current=${one === data.attempt ? "true" : undefined}>${one === null ? "All attempts" : `Attempt ${one}`}</a>`,
    )}
  </nav>`;
}

/** @param {{ text: string }} props */
function Copy({ text }) {
  const done = signal("Copy");
  const copy = () => navigator.clipboard?.writeText(text).then(() => (done.value = "Copied"), () => (done.value = "Not allowed"));
  return html`<button type="button" class="copy" onClick=${copy}>${done}</button>`;
}

async function stop() {
  if (!confirm("Stop this run? Its command is told to end, and is killed if it does not.")) return;
  const response = await fetch(`${api}/cancel`, { method: "POST" });
  if (!response.ok) alert((await response.json()).error);
}

function Files() {
  const { shown, count } = files.value;
  return html`<section class="card" aria-label="Files">
    <h2>Files ${count > 0 && html`<span class="dim">${count.toLocaleString("en")}</span>`}</h2>
    ${count === 0 && html`<p class="dim pad">No file yet. What a script writes into <code>./outputs</code> is kept.</p>`}
    <table class="pairs files"><tbody>${shown.map((file) => html`<${FileRow} key=${file.url} file=${file} />`)}</tbody></table>
    ${count > shown.length && html`<p class="dim pad">and ${(count - shown.length).toLocaleString("en")} more: <code>outrider artifacts ${data.run.run_id}</code></p>`}
  </section>`;
}

/** @param {{ file: File }} props */
function FileRow({ file }) {
  const isPicture = /\.(png|jpe?g|gif|webp|svg)$/i.test(file.path) && file.size < 20_000_000;
  const [folder, name] = [file.path.slice(0, file.path.lastIndexOf("/") + 1), file.path.slice(file.path.lastIndexOf("/") + 1)];
  return html`<tr>
    <td>
      <a href=${file.url} download title=${`sha256 ${file.sha256}`}><bdi><span class="dim">${plain(folder)}</span>${plain(name)}</bdi></a>
      ${file.version > 1 && html` <span class="dim small">v${file.version}</span>`}
      ${!file.observed && html` <span class="dim small" title="It was replaced faster than it could be captured, or before the agent looked.">earlier versions may be missing</span>`}
      ${isPicture && html`<a href=${`${file.url}&view=1`} target="_blank" rel="noopener"><img src=${`${file.url}&view=1`} alt=${plain(name)} loading="lazy" /></a>`}
    </td>
    <td class="right figure dim">${size(file.size)}</td>
  </tr>`;
}

/** @param {{ title: string, rows: unknown[] }} props */
function Card({ title, rows }) {
  if (!rows.length) return null;
  return html`<section class="card" aria-label=${title}>
    <h2>${title} <span class="dim">${rows.length.toLocaleString("en")}</span></h2>
    <table class="pairs files"><tbody>${rows}</tbody></table>
  </section>`;
}

/** Images, and charts as data. @param {{ figures: Figure[] }} props */
function Figures({ figures }) {
  return html`<${Card} title="Figures" rows=${figures.map((one) => {
    const isPicture = one.type.startsWith("image/");
    const address = isPicture ? `${one.url}&view=1` : one.url;
    return html`<tr><td><a href=${address} title=${one.type} target="_blank" rel="noopener"><bdi>${plain(one.name)}</bdi></a>${one.description && html` <span class="dim">${plain(one.description)}</span>`}${isPicture && html`<img src=${address} alt=${plain(one.name)} loading="lazy" />`}</td></tr>`;
  })} />`;
}

/** @param {{ models: Model[] }} props */
function Models({ models }) {
  return html`<${Card} title="Models" rows=${models.map((one) => html`<tr><td><bdi>${plain(`${one.name}:${one.version}`)}</bdi></td><td class="dim"><bdi>${plain(one.path ?? "")}</bdi></td></tr>`)} />`;
}

/** Runs that this one started. @param {{ kids: Child[] }} props */
function Children({ kids }) {
  return html`<${Card} title="Children" rows=${kids.map((one) => html`<tr><td><a href=${`/runs/${one.run_id}`}><bdi>${plain(one.name || one.run_id)}</bdi></a></td><td>${one.status}</td></tr>`)} />`;
}

/** @param {{ title: string, given: Record<string, Value> }} props */
function Pairs({ title, given }) {
  const pairs = Object.entries(given);
  if (!pairs.length) return null;
  return html`<section class="card" aria-label=${title}>
    <h2>${title}</h2>
    <table class="pairs"><tbody>${pairs.map(([key, one]) => html`<tr key=${key}><th scope="row"><bdi>${plain(key)}</bdi></th><td><bdi>${one === null || one === "" ? "" : value(one)}</bdi></td></tr>`)}</tbody></table>
  </section>`;
}

async function readFiles() {
  const response = await fetch(`${api}/artifacts`);
  if (!response.ok) return;
  const found = /** @type {File[]} */ (await response.json());
  files.value = { shown: found.slice(0, FILES), count: found.length };
}

/** A status, a tag or a parameter changed: what is counted elsewhere is read again. */
async function readRun() {
  const response = await fetch(api);
  if (response.ok) run.value = await response.json();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.key === "f") view.toEnd();
  else if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search")?.focus();
  }
});
addEventListener("popstate", () => metrics.fromAddress());

let versions = -1;
metrics.fromAddress();
view.begin(data.log);
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  start();
  const attempt = data.attempt === null ? "" : `&attempt=${data.attempt}`;
  listen((since) => `${api}/events?since=${since}&lines=1${attempt}`, {
    run: (/** @type {Run} */ now) => ((run.value = { ...run.peek(), ...now }), readRun()),
    lines: (/** @type {LineNews} */ news) => view.add(news),
    series: (news) => metrics.add(news),
    artifacts: (/** @type {{ versions: number }} */ news) => {
      if (news.versions !== versions) readFiles(), readRun();
      versions = news.versions;
    },
    deleted: () => (gone.value = true),
  }, data.log.since);
}
