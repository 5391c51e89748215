// What is known of a run that nobody asks for at first: attempts, streams' losses, inputs, and the API's own document of it.
import { duration, plain, safe } from "./format.js";
import { html } from "./html.js";
import { Pairs } from "./overview.js";

/** @import { Run } from "./types" */

/** @param {{ run: Run }} props */
export function Details({ run }) {
  const facts = { id: run.run_id, experiment: run.experiment, type: run.type ?? null, started: run.started, ended: run.ended, reason: run.reason, "exit code": run.exit_code ?? null, signal: run.signal ?? null, folder: run.cwd, outputs: (run.outputs ?? []).join(" ") };
  const given = Object.fromEntries(Object.entries(facts).filter(([, one]) => one !== null && one !== ""));
  const attempts = run.attempts ?? [];
  return html`<div class="columns even">
    <div>
      <${Pairs} title="Facts" given=${given} />
      <section class="card" aria-label="Attempts"><h2>Attempts</h2><div class="scroll"><table class="list"><thead><tr>${["#", "Status", "Reason", "Took", "Host"].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${attempts.map((one) => html`<tr><td>${one.attempt}</td><td class=${one.status.toLowerCase()}>${one.status}</td><td>${plain(one.reason ?? "-")}</td><td class="figure">${duration(one.duration_s ?? 0)}</td><td><bdi>${plain(one.host ?? "-")}</bdi></td></tr>`)}</tbody></table></div></section>
      <${Pairs} title="Inputs" given=${run.inputs ?? {}} />
      ${(run.notes ?? []).length > 0 && html`<section class="card" aria-label="Notes"><h2>Notes of Outrider</h2><table class="pairs"><tbody>${run.notes?.map((one) => html`<tr><td class="dim">${one.time}</td><td>${plain(one.message)}</td></tr>`)}</tbody></table></section>`}
    </div>
    <section class="card" aria-label="As JSON"><h2><a href=${`/api/v1/runs/${run.run_id}`}>As the API tells it</a></h2><pre class="content" tabindex="0">${safe(JSON.stringify(run, null, 2))}</pre></section>
  </div>`;
}
