// What was read from the run's output, and what was not: how far it is, lines that look like numbers; and of a printed point the line that it
// was read from.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { withQuery } from "./address.js";
import { duration, plain, plural, value } from "./format.js";
import { html } from "./html.js";
import { Fold, useTyped } from "./kept.js";
import { Later } from "./later.js";

const RULE_MAKER = () => import("./rule-maker.js").then((found) => found.RuleMaker);

/** @typedef {{ line: number, text: string | null }} Unread */
/** @typedef {{ share: number | null, eta_s: number | null, unread: number, silent_s: number | null, is_stalled: boolean, lines: Unread[] }} Progress */
/** @typedef {{ step: number | null, time: string | null, value: unknown, line: number, attempt: number, fd: number, offset: number, rule: string, text: string | null }} Origin */

const EVERY_MS = 10_000;
const progress = signal(/** @type {Progress | null} */ (null));
const origins = signal(/** @type {{ name: string, found: Origin[] } | null} */ (null));

/** `attempt`: whose log the page shows; null: all. @param {{ run: string, attempt: number | null, isOver: boolean, names: string[] }} props */
export function Printed({ run, attempt, isOver, names }) {
  useEffect(() => {
    const look = () => fetch(`/api/v1/runs/${run}/progress`).then((answer) => (answer.ok ? answer.json() : null)).then((found) => { progress.value = found; }).catch(() => {});
    look();
    if (isOver) return undefined;
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [run, isOver]);
  const [wanted, want] = useTyped("read", "");
  useEffect(() => void (wanted ? explain(run, wanted) : (origins.value = null)), [run, wanted]);
  const found = progress.value;
  if (!found || (found.share === null && !found.unread && !found.is_stalled && !names.length)) return null;
  return html`<section class="printed" aria-label="Read from what it printed">
    ${!isOver && found.share !== null && html`<p><progress max="1" value=${found.share}></progress> ${Math.floor(found.share * 100)} %${found.eta_s !== null && ` · about ${duration(found.eta_s)} left`}</p>`}
    ${found.is_stalled && html`<p class="notice" role="status">No output for ${duration(found.silent_s ?? 0)}: six times longer than usual.</p>`}
    ${names.length > 0 && html`<p class="dim small">Read from what it printed: ${names.map((name) => html`<button type="button" class="link" onClick=${() => want(name)}>${plain(name)}</button> `)}</p>`}
    ${origins.value && html`<${Lines} shown=${origins.value} attempt=${attempt} />`}
    ${found.unread > 0 && html`<${Fold} title="unread"><summary>${plural(found.unread, "line")} ${found.unread === 1 ? "looks" : "look"} like numbers</summary><${Later} quiet load=${RULE_MAKER} given=${{ run, lines: found.lines }} /><//>`}
  </section>`;
}

/** @param {string} run @param {string} name */
async function explain(run, name) {
  const answer = await fetch(`/api/v1/runs/${run}/printed?${new URLSearchParams({ name })}`);
  origins.value = answer.ok ? { name, found: await answer.json() } : null;
}

/** Where the log shows what a point was read from. @param {Origin} one @param {number | null} attempt */
function place(one, attempt) {
  const line = `${one.attempt}.${one.fd === 2 ? "stderr" : "stdout"}.${one.offset}`;
  return withQuery({ tab: "logs", at: Date.parse(one.time ?? ""), line, attempt: attempt === null ? null : one.attempt, stream: "console", find: null, level: null });
}

/** Under a chart: where the point that is pinned was read. @param {{ run: string, name: string, step: number | null }} props */
export function Where({ run, name, step }) {
  const [one, setOne] = useState(/** @type {Origin | null} */ (null));
  useEffect(() => {
    setOne(null);
    if (step === null) return undefined;
    let isWanted = true;
    const query = new URLSearchParams({ name, step: String(step), limit: "1" });
    fetch(`/api/v1/runs/${run}/printed?${query}`).then((answer) => (answer.ok ? answer.json() : [])).then(([found]) => isWanted && setOne(found ?? null), () => {});
    return () => void (isWanted = false);
  }, [run, name, step]);
  if (step === null) return html` · click a point for its line`;
  return one && html` · <a href=${place(one, null)} title=${plain(one.text ?? "")}>line ${one.line.toLocaleString("en")} of the log</a>`;
}

/** @param {{ shown: { name: string, found: Origin[] }, attempt: number | null }} props */
function Lines({ shown, attempt }) {
  return html`<div class="card scroll"><table class="list"><thead><tr><th>${plain(shown.name)}</th><th>Step</th><th>Line</th><th>Read from</th><th>Rule</th></tr></thead>
    <tbody>${shown.found.map((one) => html`<tr><td class="figure">${String(one.value)}</td><td class="figure">${one.step === null ? "" : value(one.step)}</td><td class="figure">${one.time === null ? one.line : html`<a href=${place(one, attempt)} title="Show it in the log">${one.line}</a>`}</td><td><code>${plain(one.text ?? "")}</code></td><td class="dim">${one.rule}</td></tr>`)}</tbody></table></div>`;
}
