// What stands where there is nothing: of a run that goes on that there is none yet, of one that has ended that there was none; and what makes one.
import { html } from "./html.js";

/** @type {Record<string, { verb: string, how: () => any }>} */
const KINDS = {
  metric: { verb: "logged", how: () => html`A script logs one by <code>logger.info("epoch done", extra={"metrics": {"loss": 0.3}})</code> or <code>run.log("loss", 0.3)</code>.` },
  chart: { verb: "logged", how: () => html`<code>outrider.sklearn.log_classification(run, y_true, y_pred, y_score)</code> and <code>log_regression</code> draw those of a model; <code>run.log_table</code> and <code>run.log_row</code> with two columns of numbers draw a line.` },
  image: { verb: "logged", how: () => html`A script logs one by <code>run.log_image("name", path="picture.png")</code> or <code>plot=plt</code>.` },
  file: { verb: "kept", how: () => html`What a script writes into <code>./outputs</code> is kept.` },
  "child run": { verb: "started", how: () => html`A script starts one by <code>run.child_run(…)</code>, or by <code>outrider run</code> within a run.` },
};

/** @param {{ of: keyof typeof KINDS, isOver: boolean }} props */
export function None({ of, isOver }) {
  const { verb, how } = /** @type {typeof KINDS[string]} */ (KINDS[of]);
  return html`<p class="card dim pad">${isOver ? `No ${of} was ${verb}.` : `No ${of} yet.`} ${how()}</p>`;
}

/** Of a log without lines. @param {boolean} isOver */
export function silent(isOver) {
  return isOver ? "Nothing was logged or printed." : "Nothing was logged or printed yet.";
}
