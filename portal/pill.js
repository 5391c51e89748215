// A run's status: a mark, a word and a colour, and why.
import { plain } from "./format.js";
import { html } from "./html.js";

/** @import { Run } from "./types" */

export const MARKS = { Running: "●", Completed: "✓", Failed: "✕", Canceled: "■", Unknown: "?" };

/** @param {{ run: Pick<Run, "status"> & { why?: string } }} props */
export function Pill({ run }) {
  const mark = MARKS[run.status] ?? "?";
  return html`<span class="pill ${run.status.toLowerCase()}"><span class="glyph" aria-hidden="true">${mark}</span>${run.status}${run.why && html`<span class="why"> · ${plain(run.why)}</span>`}</span>`;
}
