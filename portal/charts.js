// The charts of one run, or of several over one another: what automated machine learning shows, rows and tables, and each name that was logged.
// Made for the run's page and for the comparison; loaded when it is looked at.
import { useEffect, useMemo, useState } from "preact/hooks";
import { hasModelCharts, ModelCharts } from "./automl.js";
import { ChartCard, FEWEST } from "./chart-card.js";
import { Look, LookTools } from "./chart-look.js";
import { TableCharts } from "./chart-tables.js";
import { Texts, Tiles } from "./chart-tiles.js";
import { Curve, hasEpochs, isEpochs } from "./curve.js";
import { None } from "./empty.js";
import { plain } from "./format.js";
import { put, without } from "./hash.js";
import { html } from "./html.js";
import { distinct, labelOf } from "./labels.js";
import { held, isOffline, several } from "./source.js";

/** @import { Child, File, Run, Series } from "./types" */
/** @typedef {Partial<Run> & { run_id: string, files?: File[] }} Known `files`: where they were read already */
/** @typedef {{ run: Known, series: Series[] }} Read */

/** So many iterations of a search lie over one another unasked. */
const UNASKED = 3;

/**
 * @param {{ run?: Known, runs?: Known[], series?: boolean, look?: Look }} props one run or several, as the API gives them, or by their ids alone.
 * `series`: also each metric (default for several runs; a run's page has them in a place of their own).
 */
export function Charts({ run, runs, series, look }) {
  const given = runs ?? (run ? [run] : []);
  const only = given.length === 1 ? given[0] : undefined;
  const iterations = only?.children ?? [];
  const [chosen, setChosen] = useState(() => chosenFirst(only));
  const shown = [...(only && (!chosen.length || hasModelCharts(/** @type {any} */ (only))) ? [only] : only ? [] : given), ...chosen.map((run_id) => ({ run_id }))];
  const ids = new Set(chosen);
  const whole = useRuns(shown, series ?? given.length > 1);
  const mine = useMemo(() => {
    const made = look ?? new Look();
    if (!look) made.fromAddress();
    return made;
  }, [look]);
  useEffect(() => {
    const moved = () => mine.fromAddress();
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, [mine]);
  return html`<div class="charts-view">${!isOffline && html`<h2 class="skip">Charts</h2>`}
    ${iterations.length > 0 && html`<${Iterations} iterations=${iterations} chosen=${chosen} choose=${setChosen} />`}
    ${whole === null ? html`<p class="dim" role="status">Reading…</p>` : typeof whole === "string" ? html`<p class="broken" role="alert">${whole}</p>` : html`<${Shown} whole=${whole} look=${mine} isIteration=${(/** @type {string} */ id) => ids.has(id)} hasSeries=${series ?? given.length > 1} isOwnLook=${!look} />`}
  </div>`;
}

/** Of a run without charts of its own, the first of its children; or those that the address names. @param {Known | undefined} run @returns {string[]} */
function chosenFirst(run) {
  const kids = new Set((run?.children ?? []).map((kid) => kid.run_id));
  const named = new URLSearchParams(location.hash.slice(1)).get("with");
  if (named !== null) return named.split(",").filter((one) => kids.has(one));
  return run && !hasModelCharts(/** @type {any} */ (run)) ? [...kids].slice(0, UNASKED) : [];
}

/** Which children are shown. @param {{ iterations: Child[], chosen: string[], choose: (ids: string[]) => void }} props */
function Iterations({ iterations, chosen, choose }) {
  const toggle = (/** @type {string} */ id) => {
    const next = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
    choose(next);
    put([...without("with"), `with=${next.join(",")}`]);
  };
  return html`<fieldset class="iterations"><legend class="small dim">Iterations over one another</legend>
    ${iterations.map((one) => html`<label class="small"><input type="checkbox" checked=${chosen.includes(one.run_id)} onChange=${() => toggle(one.run_id)} /> <bdi>${plain(one.name || `#${one.number}`)}</bdi></label>`)}
  </fieldset>`;
}

/** Runs with what their charts need. @param {Known[]} runs @param {boolean} hasSeries @returns {Read[] | string | null} */
function useRuns(runs, hasSeries) {
  const [found, setFound] = useState(/** @type {Read[] | string | null} */ (null));
  const key = runs.map((run) => `${run.run_id}:${run.figures?.length ?? ""}:${Object.values(run.tables ?? {}).map((table) => table.count)}`).join("|") + hasSeries + held.age;
  useEffect(() => {
    let isWanted = true;
    const isKnown = !hasSeries && runs.every((run) => run.figures && run.tables);
    const reading = isKnown ? Promise.resolve(runs.map((run) => ({ run, series: [] }))) : several(runs.map((run) => run.run_id)).then((all) => all.map(({ run, metrics, artifacts }, place) => ({ run: { ...run, files: artifacts, ...(runs[place]?.tables ? runs[place] : {}) }, series: hasSeries ? metrics : [] })));
    reading.then((all) => isWanted && setFound(named(all)), (error) => isWanted && setFound(String(error.message)));
    return () => void (isWanted = false);
  }, [key]);
  return found;
}

/** Two runs of one name are told apart. @param {Read[]} all @returns {Read[]} */
function named(all) {
  const runs = distinct(all.map(({ run }) => run));
  return all.map((one, place) => ({ ...one, run: runs[place] ?? one.run }));
}

/** @param {{ whole: Read[], look: Look, hasSeries: boolean, isOwnLook: boolean, isIteration: (id: string) => boolean }} props the tables of iterations stay on their own pages */
function Shown({ whole, look, hasSeries, isOwnLook, isIteration }) {
  const owners = whole.map(({ run }, place) => ({ run_id: run.run_id, label: labelOf(/** @type {any} */ (run)), place, tables: isIteration(run.run_id) ? {} : run.tables ?? {} }));
  const hasTables = owners.some((owner) => Object.keys(owner.tables).length > 0);
  const hasLooks = hasTables || whole.some(({ series }) => series.length);
  const isNothing = !hasTables && !whole.some(({ run, series }) => hasModelCharts(/** @type {any} */ (run)) || (hasSeries && series.length));
  return html`
    <${ModelCharts} runs=${whole.map(({ run }) => /** @type {any} */ (run))} />
    ${hasLooks && isOwnLook && html`<div class="heading"><span></span><div class="tools"><${LookTools} look=${look} isSeveral=${whole.length >= FEWEST} hasEpochs=${whole.some(({ series }) => series.some((one) => isEpochs(one) || hasEpochs(one)))} /></div></div>`}
    ${hasSeries && html`<${Overlaid} whole=${whole} look=${look} />`}
    ${hasTables && html`<div class="charts"><${TableCharts} owners=${owners} look=${look} /></div>`}
    ${isNothing && html`<${None} of="chart" isOver=${whole.every(({ run }) => run.ended)} />`}`;
}

/** Every name that was logged, the runs' lines in one chart. @param {{ whole: Read[], look: Look }} props */
function Overlaid({ whole, look }) {
  const lines = useMemo(() => byName(whole), [whole]);
  const charts = [...lines].filter(([, of]) => of.some(({ curve }) => curve.series.kind !== "text" && (curve.series.count > 1 || curve.series.kind === "list")));
  const single = [...lines].filter(([name, of]) => !charts.some(([other]) => other === name) && of.every(({ curve }) => curve.series.kind !== "text"));
  const texts = [...lines].filter(([, of]) => of.some(({ curve }) => curve.series.kind === "text"));
  return html`
    <${Tiles} tiles=${single.map(([name, of]) => ({ name, rows: of.map(({ label, place, curve }) => ({ label: whole.length > 1 ? label : "", place, value: curve.series.last })) }))} />
    <div class="charts">${charts.map(([name, of]) => html`<${ChartCard} key=${name} title=${name} lines=${of} look=${look} />`)}</div>
    <${Texts} texts=${texts.flatMap(([name, of]) => of.map(({ label, run_id, curve }) => ({ name: whole.length > 1 ? `${name} · ${label}` : name, run_id, series: curve.series })))} />`;
}

/** @param {Read[]} whole */
function byName(whole) {
  /** @type {Map<string, { curve: Curve, label: string, place: number, started: number, epochs: Curve | undefined, run_id: string }[]>} */
  const found = new Map();
  whole.forEach(({ run, series }, place) => {
    const told = series.find(isEpochs);
    const epochs = told && new Curve(run.run_id, { ...told, best: null });
    for (const one of series) {
      const isOwn = one.source === "call" || one.source === "log";
      const name = plain(isOwn ? one.name : `${one.name} (${one.source})`);
      const curve = new Curve(run.run_id, { ...one, best: one.best ?? null });
      found.set(name, [...(found.get(name) ?? []), { curve, label: labelOf(/** @type {any} */ (run)), place, started: Date.parse(run.started ?? ""), epochs, run_id: run.run_id }]);
    }
  });
  return found;
}
