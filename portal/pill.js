// A run's status: a mark, a word and a colour, and why.
import { duration, plain } from "./format.js";
import { html } from "./html.js";

/** @import { HowFar, Run } from "./types" */

export const MARKS = { Running: "●", Completed: "✓", Failed: "✕", Canceled: "■", Unknown: "?" };

/** @param {{ run: Pick<Run, "status"> & { why?: string, progress?: HowFar | null } }} props */
export function Pill({ run }) {
  const mark = MARKS[run.status] ?? "?";
  const words = [run.why ?? "", doing(run.progress ?? null)].filter((word) => word).join(" · ");
  return html`<span class="pill ${run.status.toLowerCase()}"><span class="glyph" aria-hidden="true">${mark}</span>${run.status}${words && html`<span class=${run.progress?.is_stalled ? "why bad" : "why"}>${` · ${plain(words)}`}</span>`}</span>`;
}

/** How far it is, in words. @param {HowFar | null} far */
export function doing(far) {
  if (far?.is_stalled) return `no output for ${duration(far.silent_s ?? 0)}`;
  if (!far || far.share === null) return "";
  return `${Math.floor(far.share * 100)} %${far.eta_s === null ? "" : ` · ${duration(far.eta_s)} left`}`;
}
