// Rows and tables: with two columns of numbers a line, the first column along the axis; else a table. Of several runs the lines lie over one another.
import { useEffect, useState } from "preact/hooks";
import { CellTable } from "./automl-draw.js";
import { ChartCard } from "./chart-card.js";
import { oddOf } from "./curve.js";
import { grouped, plain, plural } from "./format.js";
import { html } from "./html.js";
import { Later } from "./later.js";
import { ownOf } from "./own.js";
import { json } from "./source.js";

/** @import { Given, Source } from "./chart-card.js" */
/** @import { Look } from "./chart-look.js" */
/** @import { Drawn } from "./curve.js" */
/** `names`: the columns in their order, which an object's keys do not keep. @typedef {{ name: string, kind: string, count: number, names?: string[], columns: Record<string, any[]> }} Table */
/** @typedef {{ run_id: string, label: string, place: number, tables: Record<string, { count: number }> }} Owner */

const SKETCH = () => import("./chart-sketch.js").then((found) => found.Sketch);

/** A cell as a number: those that are none have words, as in the rest of the API; null: it is no number at all. @param {any} cell */
function numberOf(cell) {
  if (typeof cell === "number") return cell;
  return ownOf({ NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, "-Infinity": Number.NEGATIVE_INFINITY }, String(cell)) ?? null;
}

/** @param {Table} table @returns {string[]} */
function namesOf({ names, columns }) {
  return names ?? Object.keys(columns);
}

/** The two columns of a table that has two, both of numbers. @param {Table} table @returns {[string, string] | null} */
export function axesOf(table) {
  const { columns } = table;
  const names = namesOf(table);
  const isNumeric = names.every((name) => (columns[name] ?? []).every((cell) => cell === null || numberOf(cell) !== null) && (columns[name] ?? []).some((cell) => typeof cell === "number"));
  return names.length === 2 && isNumeric && (columns[names[0] ?? ""] ?? []).length > 1 ? /** @type {[string, string]} */ (names) : null;
}

/** Columns as what can be drawn. @implements {Source} */
export class Columns {
  /** @param {string} key @param {any[]} across @param {any[]} upwards */
  constructor(key, across, upwards) {
    this.key = key;
    this.isLoaded = true;
    this.hasSteps = false;
    const rows = across.map((at, place) => ({ x: numberOf(at), y: numberOf(upwards[place]) })).filter((row) => row.x !== null && Number.isFinite(row.x));
    this.left = across.length - rows.length;
    /** In the order of the axis already, or backwards? */
    this.isFunction = isOrdered(rows.map((row) => row.x ?? 0));
    if ((rows[0]?.x ?? 0) > (rows.at(-1)?.x ?? 0)) rows.reverse();
    const last = rows.map(({ y }) => (y !== null && Number.isFinite(y) ? y : null));
    /** @type {Drawn} */
    this.columns = { x: rows.map((row) => row.x ?? 0), last, min: last, max: last, bad: rows.map(({ y }) => (y !== null && !Number.isFinite(y) ? 1 : 0)), odd: rows.map(({ y }) => oddOf(y ?? undefined)), badAt: rows.map(({ x, y }) => (y !== null && !Number.isFinite(y) ? x : null)) };
    const known = /** @type {number[]} */ (last.filter((one) => one !== null));
    this.series = { name: key, source: "call", kind: "table", count: rows.length, last: last.at(-1) ?? "NaN", last_step: null, last_time: null, last_epoch: null, min: known.length ? known.reduce((one, other) => Math.min(one, other)) : null, max: known.length ? known.reduce((one, other) => Math.max(one, other)) : null };
  }

  async within() {}

  drawn() {
    return this.columns;
  }
}

/** @param {number[]} x */
function isOrdered(x) {
  const steps = x.slice(1).map((at, place) => at - (x[place] ?? 0));
  return steps.every((step) => step >= 0) || steps.every((step) => step <= 0);
}

/** @param {{ owners: Owner[], look: Look }} props */
export function TableCharts({ owners, look }) {
  const names = [...new Set(owners.flatMap((owner) => Object.keys(owner.tables)))];
  return names.map((name) => html`<${OneTable} key=${name} name=${name} owners=${owners.filter((owner) => ownOf(owner.tables, name))} look=${look} />`);
}

/** @param {{ name: string, owners: Owner[], look: Look }} props */
function OneTable({ name, owners, look }) {
  const [tables, setTables] = useState(/** @type {(Table | string)[] | null} */ (null));
  const key = owners.map((owner) => `${owner.run_id}:${owner.tables[name]?.count}`).join();
  useEffect(() => {
    let isWanted = true;
    const reading = owners.map((owner) => json(`/runs/${owner.run_id}/table?${new URLSearchParams({ name })}`).catch((error) => String(error.message)));
    Promise.all(reading).then((found) => isWanted && setTables(found));
    return () => void (isWanted = false);
  }, [key]);
  if (tables === null) return html`<article class="card chart"><header><h3>${plain(name)}</h3></header><p class="dim pad" role="status">Reading…</p></article>`;
  const wrong = tables.filter((table) => typeof table === "string");
  const found = tables.flatMap((table, place) => (typeof table === "string" ? [] : [{ table, owner: /** @type {Owner} */ (owners[place]) }]));
  const axes = found.map(({ table }) => axesOf(table));
  const first = axes[0];
  return html`
    ${wrong.map((sentence) => html`<p class="broken">${plain(name)}: ${plain(String(sentence))}</p>`)}
    ${first && axes.every((one) => one && one[0] === first[0] && one[1] === first[1]) ? html`<${Line} name=${name} found=${found} axes=${first} look=${look} />` : found.map(({ table, owner }) => html`<${Cells} name=${name} table=${table} label=${owners.length > 1 ? owner.label : ""} />`)}`;
}

/** @param {{ name: string, found: { table: Table, owner: Owner }[], axes: [string, string], look: Look }} props */
function Line({ name, found, axes: [across, upwards], look }) {
  const lines = found.map(({ table, owner }) => {
    const curve = new Columns(`${owner.run_id}\0${name}`, table.columns[across] ?? [], table.columns[upwards] ?? []);
    return /** @type {Given & { curve: Columns }} */ ({ curve, label: owner.label, place: owner.place, started: 0 });
  });
  const title = plain(`${name}: ${upwards} over ${across}`);
  if (lines.every((line) => line.curve.isFunction)) return html`<${ChartCard} title=${title} lines=${lines} look=${look} across=${plain(across)} count=${lines[0]?.curve.series.count ?? 0} />`;
  const drawn = found.map(({ table, owner }) => ({ label: owner.label, place: owner.place, x: (table.columns[across] ?? []).map(numberOf), y: (table.columns[upwards] ?? []).map(numberOf) }));
  return html`<${Later} load=${SKETCH} given=${{ title, lines: drawn, xTitle: plain(across), yTitle: plain(upwards) }} />`;
}

/** @param {{ name: string, table: Table, label: string }} props */
function Cells({ name, table, label }) {
  const names = namesOf(table);
  const height = Math.max(0, ...names.map((column) => (table.columns[column] ?? []).length));
  const rows = Array.from({ length: height }, (_, place) => names.map((column) => table.columns[column]?.[place] ?? null));
  return html`<article class="card chart tablecard" aria-label=${plain(name)}><header><h3><bdi>${plain(name)}</bdi>${label && html` <span class="dim"><bdi>${label}</bdi></span>`}</h3><span class="dim small">${plural(table.count, "row")}</span></header>
    <${CellTable} cells=${{ columns: names.map(plain), rows }} />
    ${table.count > height && html`<footer class="dim small">the first ${grouped(height)} of them; outrider export has all</footer>`}
  </article>`;
}
