// What runs are called beside one another: by their names, and where two have one name by their numbers too. Pure.
import { plain } from "./format.js";

/** @param {{ run_id: string, name?: string | null, number?: number }} run */
export function labelOf(run) {
  return plain(run.name || (run.number ? `#${run.number}` : run.run_id.slice(0, 8)));
}

/** The same runs, each with a name of its own. @template {{ run_id: string, name?: string | null, number?: number }} R @param {R[]} runs @returns {R[]} */
export function distinct(runs) {
  const count = (/** @type {(run: R) => string} */ of) => {
    const found = /** @type {Map<string, number>} */ (new Map());
    for (const run of runs) found.set(of(run), (found.get(of(run)) ?? 0) + 1);
    return found;
  };
  const numbered = (/** @type {R} */ run) => `${labelOf(run)} #${run.number ?? ""}`;
  const [names, numbers] = [count(labelOf), count(numbered)];
  return runs.map((run) => {
    if (names.get(labelOf(run)) === 1) return run;
    return { ...run, name: run.number && numbers.get(numbered(run)) === 1 ? numbered(run) : `${labelOf(run)} ${run.run_id.slice(0, 8)}` };
  });
}
