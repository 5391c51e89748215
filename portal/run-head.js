// What stands above a run's tabs: what it is, how it stands, and what can be done with it.
import { signal } from "@preact/signals";
import { tell } from "./dialogs.js";
import { ago, commandLine, duration, grouped, local, plain, safe } from "./format.js";
import { html } from "./html.js";
import { Pill } from "./pill.js";

/** @import { Run } from "./types" */

/** @param {{ run: Run, gone: boolean, changed: () => void }} props */
export function Head({ run, gone, changed }) {
  const who = [run.user, run.host].filter((part) => part).join(" · ");
  return html`
    ${gone && html`<p class="notice" role="status">This run was purged. What is shown here is what was last seen.</p>`}
    ${!gone && run.deleted && html`<p class="notice" role="status">This run is deleted: no list has it, and it will be purged. <button type="button" onClick=${() => act(run, "restore", changed)}>Restore it</button></p>`}
    <div class="heading">
      <h1><bdi>${plain(run.name || run.experiment)}</bdi> <span class="dim">#${run.number}</span></h1>
      <${Pill} run=${run} />
      ${run.status === "Running" && html`<button type="button" class="stop" onClick=${() => stop(run)}>Stop…</button>`}
      ${run.status !== "Running" && !run.deleted && !gone && html`<button type="button" class="stop" onClick=${() => act(run, "delete", changed)}>Delete</button>`}
    </div>
    ${run.description && html`<p class="about">${plain(run.description)}</p>`}
    <dl class="facts">
      <div><dt>Started</dt><dd><time datetime=${run.started} data-ago title=${local(run.started)}>${ago(Date.parse(run.started), Date.now())}</time></dd></div>
      <div><dt>Duration</dt><dd>${run.ended ? html`<span key="over" class="figure">${duration(run.duration_s)}</span>` : html`<span key="on" class="figure" data-since=${run.started}>${duration(Math.max(0, Date.now() - Date.parse(run.started)) / 1000)}</span>`}</dd></div>
      ${who && html`<div><dt>Host</dt><dd><bdi>${plain(who)}</bdi></dd></div>`}
      ${run.python && html`<div><dt>Python</dt><dd>${run.python}</dd></div>`}
      <div><dt>Run</dt><dd><code>${run.run_id}</code></dd></div>
      ${run.parent && html`<div><dt>Parent</dt><dd>${run.has_parent ? html`<a href=${`/runs/${run.parent}`}><code>${run.parent}</code></a>` : html`<code>${run.parent}</code> (not in this store)`}</dd></div>`}
    </dl>
    <${Losses} run=${run} />`;
}

/** What was lost or is odd, said where it is seen. @param {{ run: Run }} props */
function Losses({ run }) {
  const refused = (run.gaps ?? []).reduce((sum, gap) => sum + gap.records, 0);
  const sentences = (run.notes ?? []).filter((note) => (note.level ?? 30) >= 30).map((note) => note.message);
  if (refused) sentences.push(`${grouped(refused)} records were refused here: ${run.gaps?.[0]?.why ?? "the reason is not known"}.`);
  const unsure = (run.gaps ?? []).find((gap) => !gap.records);
  if (unsure) sentences.push(`Something may be missing here: ${unsure.why ?? "the reason is not known"}.`);
  if (run.set_aside?.length) sentences.push(`Lines that could not be read were set aside: outrider show ${run.run_id} lists them.`);
  return sentences.map((sentence) => html`<p class="notice">${plain(sentence)}</p>`);
}

/** Why it failed, where that is known. @param {{ run: Run }} props */
export function Failure({ run }) {
  const { type, message, code, traceback } = run.error ?? {};
  const told = traceback || [type, message].filter(Boolean).join(": ");
  const text = [code && `error code ${code}`, told].filter(Boolean).join("\n");
  return text ? html`<pre class="traceback" tabindex="0">${safe(text)}</pre>` : null;
}

/** @param {{ run: Run }} props */
export function Command({ run }) {
  if (!run.command) return null;
  return html`<div class="command"><pre tabindex="0"><code>${plain(commandLine(run.command))}</code></pre><${Copy} text=${commandLine(run.command)} /></div>`;
}

/** @param {{ text: string }} props */
export function Copy({ text }) {
  const done = signal("Copy");
  const copy = () => navigator.clipboard?.writeText(text).then(() => (done.value = "Copied"), () => (done.value = "Not allowed"));
  return html`<button type="button" class="copy" onClick=${copy}>${done}</button>`;
}

/** @param {Run} run */
async function stop(run) {
  if (!confirm("Stop this run? Its command is told to end, and is killed if it does not.")) return;
  const response = await fetch(`/api/v1/runs/${run.run_id}/cancel`, { method: "POST" });
  if (!response.ok) alert((await response.json()).error);
}

/** @param {Run} run @param {"delete" | "restore"} what @param {() => void} changed */
async function act(run, what, changed) {
  const response = await fetch(`/api/v1/runs/${run.run_id}/${what}`, { method: "POST" });
  changed();
  if (!response.ok) tell((await response.json()).error);
  else if (what === "delete") tell("The run is deleted.", () => act(run, "restore", changed));
  else tell("The run is restored.");
}
