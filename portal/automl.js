// The charts of models of one run or several, each kind in one card: read, checked, overlaid.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { CurveCard } from "./automl-curves.js";
import { AVERAGES, importanceOf, kindOf, read } from "./automl-data.js";
import { ImportanceCard } from "./automl-importance.js";
import { ModelLook } from "./automl-look.js";
import { MatrixCard } from "./automl-matrix.js";
import { PredictionsCard, ResidualsCard } from "./automl-regression.js";
import { figure, plain } from "./format.js";
import { html } from "./html.js";
import { labelOf } from "./labels.js";
import { Later } from "./later.js";
import { document_, isOffline, json } from "./source.js";

/** @import { Kind } from "./automl-data.js" */
/** @import { Figure, File } from "./types" */
/** @typedef {{ run_id: string, name?: string | null, number?: number, figures?: Figure[], files?: File[] }} Shown */
/** One document of a run, or why there is none. @typedef {{ run: Shown, place: number, kind: Kind | "importance", name: string, data: any, broken: string | null, url: string }} Found */

const EXPLANATION = /^explanation\/([0-9a-f]{8})\/([a-z_]+)(?:\/(\d+))?\.interpret\.json$/;
/** What a `?` shows is read when it is asked for. */
const EXAMPLES = () => import("./automl-examples.js").then((found) => found.Examples);
/** From so many lines on they are looked for by name; so many are listed at once. */
const [SEARCHED, LISTED] = [14, 60];
const CURVES = /** @type {const} */ (["precision_recall", "roc", "calibration", "lift", "gains"]);

/** Does the run have any of these charts? @param {Shown} run */
export function hasModelCharts(run) {
  return (run.figures ?? []).some((one) => kindOf(one.type));
}

/** Every chart document of a run; a figure that was logged again counts once, its last. @param {Shown} run @param {number} place @returns {Promise<Found[]>} */
async function readRun(run, place) {
  const figures = new Map((run.figures ?? []).filter((one) => kindOf(one.type)).map((one) => [one.path, one]));
  const charts = [...figures.values()].map(async (one) => {
    const kind = /** @type {Kind} */ (kindOf(one.type));
    return { run, place, kind, name: one.name, url: one.url, ...(await tried(async () => read(kind, await document_(one.url)))) };
  });
  return [...(await Promise.all(charts)), ...(await explanation(run, place))];
}

/** @param {() => Promise<any>} act @returns {Promise<{ data: any, broken: string | null }>} */
async function tried(act) {
  try {
    return { data: await act(), broken: null };
  } catch (error) {
    return { data: null, broken: error instanceof Error ? error.message : String(error) };
  }
}

/** The newest explanation of a model. @param {Shown} run @param {number} place @returns {Promise<Found[]>} */
async function explanation(run, place) {
  const { data: files } = run.files ? { data: run.files } : await tried(() => json(`/runs/${run.run_id}/artifacts`));
  /** @type {{ folder: string, part: string, block: number, file: File }[]} */
  const parts = (files ?? []).flatMap((/** @type {File} */ file) => {
    const found = EXPLANATION.exec(file.path);
    return found ? [{ folder: found[1] ?? "", part: found[2] ?? "", block: Number(found[3] ?? 0), file }] : [];
  });
  const whole = parts.filter((one) => one.part === "rich_metadata").sort((one, other) => Date.parse(other.file.time) - Date.parse(one.file.time))[0];
  if (!whole) return [];
  const wanted = parts.filter((one) => one.folder === whole.folder && ["global_names", "global_values", "per_class_names", "per_class_values", "classes"].includes(one.part));
  const result = await tried(async () => importanceOf(await Promise.all(wanted.map(async ({ part, block, file }) => ({ part, block, content: await document_(file.url) })))));
  return [{ run, place, kind: "importance", name: "explanation", url: whole.file.url, ...result }];
}

/** @param {{ runs: Shown[] }} props */
export function ModelCharts({ runs }) {
  const [found, setFound] = useState(/** @type {Found[] | null} */ (null));
  const look = useMemo(() => new ModelLook(), []);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const key = runs.map((run) => `${run.run_id}:${(run.figures ?? []).length}`).join();
  useEffect(() => {
    let isWanted = true;
    Promise.all(runs.map(readRun)).then((all) => {
      if (!isWanted) return;
      look.begin(all.flat().flatMap((one) => (one.kind === "accuracy_table" && one.data ? [one.data.labels] : [])));
      setFound(all.flat());
    });
    return () => void (isWanted = false);
  }, [key]);
  useEffect(() => {
    const moved = () => look.fromAddress();
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, []);
  if (found === null) return html`<p class="dim" role="status">Reading charts…</p>`;
  if (!found.length) return null;
  const names = [...new Set(found.filter((one) => one.kind === "confusion_matrix" || one.kind === "accuracy_table").map(groupOf))];
  const groups = names.length > 1 ? names : [...new Set([...names, ""])].slice(0, 1);
  const rest = found.filter((one) => one.kind !== "confusion_matrix" && one.kind !== "accuracy_table");
  return html`<div class="model-charts" ref=${box}>
    ${found.filter((one) => one.broken !== null).map((one) => html`<${BrokenChart} found=${one} isSeveral=${runs.length > 1} />`)}
    ${runs.length > 1 && html`<ul class="legend bound">${runs.map((run, place) => html`<li onPointerEnter=${() => near(box.current, place)} onPointerLeave=${() => near(box.current, null)} onFocusIn=${() => near(box.current, place)} onFocusOut=${() => near(box.current, null)}><span class=${`key c${place % 8}`}></span> <a href=${`/runs/${run.run_id}`}><bdi>${labelOf(run)}</bdi></a></li>`)}</ul>`}
    ${groups.map((name) => html`<${Group} key=${name} name=${groups.length > 1 ? name : ""} found=${found.filter((one) => groups.length === 1 || groupOf(one) === name)} look=${look} />`)}
    <div class="automl">${regression(rest)}${importance(rest, look)}</div>
  </div>`;
}

/** The lines of one run stand out: of ten, two have a colour. @param {HTMLElement | null} box @param {number | null} place null: all do */
function near(box, place) {
  for (const part of box?.querySelectorAll("[data-run]") ?? []) part.classList.toggle("far", place !== null && part.getAttribute("data-run") !== String(place));
}

/** Charts with the same words before the kind's name belong together: `train/confusion_matrix`, `train/accuracy_table`. @param {Found} one */
function groupOf({ name, kind }) {
  return name.endsWith(kind) ? name.slice(0, -kind.length).replace(/[\W_]+$/, "") : "";
}

/** @param {Found[]} found @param {Found["kind"]} kind */
function of(found, kind) {
  return found.filter((one) => one.kind === kind && one.broken === null).map(({ run, place, name, data }) => ({ label: labelOf(run), place, name, data, run }));
}

/** @param {string} of @returns {() => any} */
const ask = (of) => () => html`<${Later} load=${EXAMPLES} given=${{ of }} />`;

/** A classification's charts, with one threshold and one cut-off. @param {{ name: string, found: Found[], look: ModelLook }} props */
function Group({ name, found, look }) {
  const [matrices, tables] = [of(found, "confusion_matrix"), of(found, "accuracy_table")];
  if (!matrices.length && !tables.length) return null;
  const given = matrices.map((one) => ({ ...one, table: tables.find((table) => table.run === one.run)?.data ?? null }));
  return html`<section aria-label=${name || "Classification"}>
    ${name && html`<h3><bdi>${plain(name)}</bdi></h3>`}
    ${tables.length > 0 && html`<${Bound} look=${look} tables=${tables} />`}
    <div class="automl">
      ${given.length > 0 && html`<${MatrixCard} given=${given} look=${look} examples=${ask("confusion_matrix")} />`}
      ${tables.length > 0 && CURVES.map((kind) => html`<${CurveCard} key=${kind} kind=${kind} given=${tables} look=${look} examples=${ask(kind)} />`)}
    </div>
  </section>`;
}

/** What all curves share: the threshold, the cut-off, which lines. @param {{ look: ModelLook, tables: { data: import("./automl-data.js").Accuracy }[] }} props */
function Bound({ look, tables }) {
  const names = [...AVERAGES, ...new Set(tables.flatMap(({ data }) => data.labels))];
  const single = tables.length === 1;
  const [wanted, want] = useState("");
  const isLong = names.length > SEARCHED;
  const found = names.map((name, place) => ({ name, place })).filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
  return html`<div class="automl-tools">
    <label class="slider">Threshold <input type="range" min="0" max="1" step="0.01" value=${look.threshold.value} onInput=${(/** @type {any} */ event) => look.choose({ threshold: Number(event.target.value) })} /> <output class="figure">${figure(look.threshold.value)}</output></label>
    <label class="slider">Cut-off <input type="range" min="0.01" max="1" step="0.01" value=${look.share.value} onInput=${(/** @type {any} */ event) => look.choose({ share: Number(event.target.value) })} /> <output class="figure">${Math.round(look.share.value * 100)} %</output></label>
    ${isLong && html`<input type="search" class="small" placeholder="Find a class" aria-label="Find a class" value=${wanted} onInput=${(/** @type {any} */ event) => want(event.target.value)} />
      <div class="choice" role="group" aria-label="Which lines"><button type="button" onClick=${() => look.choose({ without: new Set() })}>All</button><button type="button" onClick=${() => look.choose({ without: new Set(names.slice(AVERAGES.length)) })}>Averages</button></div>`}
    <ul class="legend" aria-label="Lines" tabindex=${isLong ? 0 : undefined}>${found.slice(0, LISTED).map(({ name, place }) => html`<li key=${name}><button type="button" title=${`${name} (Alt and click: alone)`} aria-pressed=${!look.without.value.has(name)} onClick=${(/** @type {MouseEvent} */ event) => look.toggle(name, event.altKey)}><span class=${`key ${single ? `c${place % 8} ` : ""}d${place < 2 ? place + 1 : (single ? Math.floor(place / 8) : place - 2) % 4}`}></span><bdi>${name}</bdi></button></li>`)}${found.length > LISTED && html`<li class="dim">and ${found.length - LISTED} more</li>`}</ul>
  </div>`;
}

/** @param {Found[]} found */
function regression(found) {
  const [predictions, residuals] = [of(found, "predictions"), of(found, "residuals")];
  return html`${predictions.length > 0 && html`<${PredictionsCard} given=${predictions} examples=${ask("predictions")} />`}
    ${residuals.length > 0 && html`<${ResidualsCard} given=${residuals} examples=${ask("residuals")} />`}`;
}

/** @param {Found[]} found @param {ModelLook} look */
function importance(found, look) {
  const given = of(found, "importance");
  return given.length > 0 && html`<${ImportanceCard} given=${given} look=${look} examples=${ask("importance")} />`;
}

/** @param {{ found: Found, isSeveral: boolean }} props */
function BrokenChart({ found, isSeveral }) {
  return html`<p class="broken" role="alert"><b><bdi>${plain(found.name)}</bdi></b>${isSeveral && ` of ${labelOf(found.run)}`} cannot be drawn as ${found.kind.replace("_", " ")}: ${plain(found.broken ?? "").replace(/\.$/, "")}. It is kept as it was logged${isOffline ? "" : html`: <a href=${found.url} download>the file</a>`}.</p>`;
}

