// A run at one look: what happened, its key metrics, what it was given, what it said last.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { clock, duration, grouped, local, plain, plural, value } from "./format.js";
import { None, silent } from "./empty.js";
import { html } from "./html.js";
import { Command, Failure } from "./run-head.js";
import { Spark } from "./spark.js";
import { element } from "./log-line.js";
import { ownOf } from "./own.js";

/** @import { Child, Model, Run, Series, Value } from "./types" */
/** @import { LogView } from "./log.js" */

const CARDS = 8;
const LINES = 20;

/** @param {{ run: Run, series: Series[], view: LogView, go: (tab: string) => void, changed: () => void }} props */
export function Overview({ run, series, view, go, changed }) {
  const environment = { ...(run.cwd ? { folder: run.cwd } : {}), ...(run.python ? { python: run.python } : {}), ...(run.host ? { host: run.host } : {}), ...(run.user ? { user: run.user } : {}) };
  const known = Object.entries(run.properties ?? {});
  const git = Object.fromEntries(known.filter(([name]) => name.startsWith("azureml.git.")).map(([name, one]) => [`git ${name.slice(12).replace("_", " ")}`, one]));
  const rest = Object.fromEntries(known.filter(([name]) => !name.includes(".git.")));
  return html`
    <${Happened} run=${run} series=${series} go=${go} />
    <${Failure} run=${run} />
    <div class="columns">
      <div>
        <${KeyMetrics} run=${run} series=${series} go=${go} />
        <${LastLines} view=${view} isOver=${run.ended !== null} go=${go} />
        <${Command} run=${run} />
      </div>
      <aside>
        <${Pairs} title="Parameters" given=${run.params} />
        <${Tags} run=${run} changed=${changed} />
        <${Children} kids=${run.children ?? []} run=${run} />
        <${Models} models=${run.models ?? []} />
        <${Pairs} title="Properties" given=${rest} />
        <${Pairs} title="Environment" given=${{ ...environment, ...git }} />
      </aside>
    </div>`;
}

/** From its start to its end in a line of events. @param {{ run: Run, series: Series[], go: (tab: string) => void }} props */
function Happened({ run, series, go }) {
  const counts = run.log_counts ?? { warnings: 0, errors: 0 };
  const points = series.reduce((sum, one) => sum + one.count, 0);
  const bad = series.filter((one) => /^-?(NaN|Infinity)$/.test(String(one.last)));
  const attempts = run.attempts ?? [];
  return html`<ol class="happened card" aria-label="What happened">
    <li><b>started</b> <span class="dim">${local(run.started)}</span></li>
    ${attempts.length > 1 && html`<li><b>${attempts.length} attempts</b> <span class="dim">the last is shown</span></li>`}
    ${points > 0 && html`<li><button type="button" class="plain" onClick=${() => go("metrics")}><b>${plural(points, "point")}</b> <span class="dim">of ${plural(series.length, "metric")}</span></button></li>`}
    ${bad.length > 0 && html`<li class="failed"><b>not a number</b> <span>${bad.slice(0, 3).map((one) => plain(one.name)).join(", ")}</span></li>`}
    <li>${counts.warnings + counts.errors > 0 ? html`<button type="button" class="plain" onClick=${() => go("logs")}><b class=${counts.errors ? "failed" : "canceled"}>${plural(counts.warnings, "warning")}, ${plural(counts.errors, "error")}</b></button>` : html`<span class="dim">no warning or error logged</span>`}</li>
    <li>${run.ended ? html`<b class=${run.status.toLowerCase()}>${run.status.toLowerCase()}</b> <span>${run.why ? `${plain(run.why)}, ` : ""}<span class="dim">after ${duration(run.duration_s)}</span></span>` : html`<b class="running">${plain(run.why || "running")}</b> <span class="dim">since ${clock(Date.parse(run.started)).slice(0, 8)}</span>`}</li>
  </ol>`;
}

/** @param {{ run: Run, series: Series[], go: (tab: string) => void }} props */
function KeyMetrics({ run, series, go }) {
  // What a script logs is what it means; the same read from its output is told beside it under Metrics.
  const logged = new Set(series.filter((one) => one.source !== "printed").map((one) => one.name));
  const numbers = series.filter((one) => one.kind !== "text" && !(one.source === "printed" && logged.has(one.name)));
  const shown = [...numbers].sort((one, other) => Number(Boolean(other.best)) - Number(Boolean(one.best))).slice(0, CARDS);
  const [sparks, setSparks] = useState(/** @type {Record<string, (number | null)[]>} */ ({}));
  const total = Math.floor(Math.log2(1 + shown.reduce((sum, one) => sum + one.count, 0)));
  useEffect(() => {
    const query = new URLSearchParams({ run: run.run_id, count: "40" });
    for (const one of shown) query.append("metric", one.name);
    if (shown.length) fetch(`/api/v1/sparklines?${query}`).then((response) => /** @type {Promise<any>} */ (response.ok ? response.json() : Promise.resolve({}))).then((found) => setSparks(found[run.run_id] ?? {}), () => undefined);
  }, [run.run_id, shown.map((one) => one.name).join("\0"), total]);
  return html`<section aria-label="Key metrics">
    <div class="heading"><h2>Key metrics</h2>${numbers.length > shown.length && html`<button type="button" onClick=${() => go("metrics")}>All ${numbers.length}</button>`}</div>
    ${shown.length === 0 && html`<${None} of="metric" isOver=${run.ended !== null} />`}
    <div class="keytiles">${shown.map((one) => html`<${Tile} key=${one.source + one.name} one=${one} spark=${ownOf(sparks, one.name)} />`)}</div>
  </section>`;
}

/** @param {{ one: Series, spark: (number | null)[] | undefined }} props */
function Tile({ one, spark }) {
  const last = value(one.last);
  const best = one.best && one[one.best] !== null ? one[one.best] : null;
  return html`<div class="card keytile">
    <h3 title=${plain(one.name)}><bdi>${plain(one.name)}</bdi></h3>
    <p><b class=${/^-?(NaN|Infinity)$/.test(last) ? "figure bad" : "figure"}>${last}</b><${Spark} values=${spark} /></p>
    <p class="dim small">${best !== null && one.count > 1 && html`best ${value(best)} · `}${one.last_step !== null ? `step ${value(one.last_step)}` : plural(one.count, "point")}</p>
  </div>`;
}

/** What it said last, as it comes. @param {{ view: LogView, isOver: boolean, go: (tab: string) => void }} props */
function LastLines({ view, isOver, go }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [count, setCount] = useState(0);
  useEffect(() => view.listen(() => setCount((one) => one + 1)), [view]);
  useLayoutEffect(() => {
    const { lines, open } = view.transcript;
    const shown = lines.slice(-4 * LINES).filter((line) => !line.echo).slice(-LINES);
    box.current?.replaceChildren(...shown.map(element), ...open.map(element));
  }, [view, count]);
  const isEmpty = view.transcript.lines.length + view.transcript.open.length === 0;
  return html`<section aria-label="Last lines">
    <div class="heading"><h2>Last lines</h2><button type="button" onClick=${() => go("logs")}>The log</button></div>
    <div class="card"><div class="log short" hidden=${isEmpty} ref=${box} tabindex="0" role="log" aria-label="The last lines of its log"></div>
    ${isEmpty && html`<p class="dim pad">${silent(isOver)}</p>`}</div>
  </section>`;
}

/** Tags, to add and to take away. @param {{ run: Run, changed: () => void }} props */
function Tags({ run, changed }) {
  const set = async (/** @type {Record<string, string | null>} */ tags) => {
    await fetch(`/api/v1/runs/${run.run_id}`, { method: "PATCH", body: JSON.stringify({ tags }) });
    changed();
  };
  const add = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const [name = "", ...rest] = String(new FormData(form).get("tag") ?? "").split("=");
    if (name.trim()) set({ [name.trim()]: rest.join("=").trim() });
    form.reset();
  };
  return html`<section class="card" aria-label="Tags">
    <h2>Tags</h2>
    <div class="pad taglist">
      ${Object.entries(run.tags).map(([name, one]) => html`<span class="chip" key=${name}><bdi>${plain(one === "" || one === null ? name : `${name}=${value(one)}`)}</bdi><button type="button" aria-label=${`Take the tag ${plain(name)} away`} onClick=${() => set({ [name]: null })}>×</button></span>`)}
      ${Object.keys(run.tags).length === 0 && html`<span class="dim">No tag yet.</span>`}
      <form onSubmit=${add}><input type="text" name="tag" aria-label="A new tag: name, or name=value" placeholder="Add one: name, or name=value" autocomplete="off" /></form>
    </div>
  </section>`;
}

/** @param {{ title: string, given: Record<string, Value> }} props */
export function Pairs({ title, given }) {
  const pairs = Object.entries(given);
  if (!pairs.length) return null;
  return html`<section class="card" aria-label=${title}>
    <h2>${title}</h2>
    <table class="pairs"><tbody>${pairs.map(([key, one]) => html`<tr key=${key}><th scope="row"><bdi>${plain(key)}</bdi></th><td><bdi>${one === null || one === "" ? "" : value(one)}</bdi></td></tr>`)}</tbody></table>
  </section>`;
}

/** @param {{ models: Model[] }} props */
function Models({ models }) {
  if (!models.length) return null;
  return html`<section class="card" aria-label="Models"><h2>Models <span class="dim">${models.length}</span></h2>
    <table class="pairs files"><tbody>${models.map((one) => html`<tr><td><bdi>${plain(`${one.name}:${one.version}`)}</bdi></td><td class="dim"><bdi>${plain(one.path ?? "")}</bdi></td></tr>`)}</tbody></table></section>`;
}

/** Runs that this one started. @param {{ kids: Child[], run: Run }} props */
function Children({ kids, run }) {
  if (!kids.length) return null;
  return html`<section class="card" aria-label="Child runs"><h2><a href=${`/runs?parent=${run.run_id}`}>Child runs <span class="dim">${grouped(kids.length)}</span></a></h2>
    <table class="pairs files"><tbody>${kids.slice(0, 50).map((one) => html`<tr><td class="figure"><a href=${`/runs/${one.run_id}`}>#${one.number}</a></td><td><bdi>${plain(one.name || one.run_id)}</bdi></td><td class="word">${one.status}</td></tr>`)}</tbody></table></section>`;
}
