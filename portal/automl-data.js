// Charts of models as data: what a document of a schema holds, what is wrong with one that cannot be drawn, and curves from it. Pure.
// The schemas are those of docs/charts.md; the curves are those of handler/outrider/_curves.py, and a test holds them together.

import { plain } from "./format.js";

/** @typedef {[number, number, number, number]} Counts TP, FP, TN, FN at one threshold */
/** `count`: of a calibration curve, how many samples each point stands for. `by`: of a mean that is taken at each recall, what is had at each threshold. @typedef {{ x: number[], y: number[], threshold: number[], count?: number[], by?: Curve }} Curve */
/** @typedef {{ labels: string[], matrix: number[][] }} Matrix */
/** @typedef {{ labels: string[], probability: Counts[][], percentile: Counts[][], probabilityAt: number[], percentileAt: number[] }} Accuracy */
/** @typedef {{ edges: number[], counts: number[], mean: number | null, spread: number | null }} Residuals */
/** @typedef {{ edges: number[], counts: number[], averages: (number | null)[], errors: (number | null)[] }} Predictions */
/** @typedef {{ features: string[], overall: number[], classes: { name: string, values: number[] }[] }} Importance */

/** What charts call lines that are no class. */
export const AVERAGES = /** @type {const} */ (["macro average", "micro average"]);

/** Names of classes as they are shown, each another one: two classes of one name stay two. @param {any[]} given @returns {string[]} */
function named(given) {
  const known = /** @type {Set<string>} */ (new Set(AVERAGES));
  return given.map((one) => {
    const name = plain(typeof one === "object" ? JSON.stringify(one) : String(one)) || "(empty)";
    let [found, number] = [name, 2];
    while (known.has(found)) found = `${name} (${number++})`;
    known.add(found);
    return found;
  });
}

/** Says what is wrong with a document. */
export class Broken extends Error {}

const KINDS = /** @type {const} */ (["confusion_matrix", "accuracy_table", "residuals", "predictions"]);
/** @typedef {(typeof KINDS)[number]} Kind */

/** Which chart a figure's type names; null: it is a picture or something else. @param {string} type @returns {Kind | null} */
export function kindOf(type) {
  return KINDS.find((kind) => type === `azureml.v2.${kind}` || type === kind) ?? null;
}

/** A document's data. Throws `Broken`. @param {any} document @param {Kind} kind @returns {any} */
function dataOf(document, kind) {
  if (document === null || typeof document !== "object" || Array.isArray(document)) throw new Broken("it is no JSON object");
  if (Array.isArray(document.errors) && document.errors.length) throw new Broken(`whoever made it says: ${document.errors.map(String).join("; ").slice(0, 500)}`);
  if (document.schema_type !== undefined && document.schema_type !== kind) throw new Broken(`its schema_type is ${JSON.stringify(document.schema_type)}, not "${kind}"`);
  const data = document.data;
  if (data === null || typeof data !== "object" || Array.isArray(data)) throw new Broken("it has no object \"data\"");
  return data;
}

/** @param {any} data @param {string} key @param {number} [length] @returns {any[]} */
function list(data, key, length) {
  const found = data[key];
  if (!Array.isArray(found)) throw new Broken(`data.${key} is ${found === undefined ? "missing" : "no list"}`);
  if (length !== undefined && found.length !== length) throw new Broken(`data.${key} has ${found.length} entries, not ${length}`);
  return found;
}

/** @param {any[]} found @param {string} what @param {{ orNull?: boolean, least?: number }} [how] @returns {any[]} */
function numbers(found, what, { orNull = false, least = Number.NEGATIVE_INFINITY } = {}) {
  found.forEach((value, place) => {
    if (orNull && (value === null || value === "NaN")) return;
    if (typeof value !== "number" || !Number.isFinite(value)) throw new Broken(`${what}[${place}] is ${JSON.stringify(value) ?? "missing"}, not a number`);
    if (value < least) throw new Broken(`${what}[${place}] is ${value}: less than ${least}`);
  });
  return orNull ? found.map((value) => (typeof value === "number" ? value : null)) : found;
}

/** @param {number[]} edges @param {string} what */
function rising(edges, what) {
  edges.forEach((edge, place) => {
    if (place && edge < (edges[place - 1] ?? edge)) throw new Broken(`${what} goes down from ${edges[place - 1]} to ${edge}`);
  });
  if (edges.length < 2) throw new Broken(`${what} has ${edges.length} entries: a bin needs two edges`);
  return edges;
}

/** @param {any} document @returns {Matrix} */
export function matrixOf(document) {
  const data = dataOf(document, "confusion_matrix");
  const labels = named(list(data, "class_labels"));
  if (!labels.length) throw new Broken("data.class_labels is empty");
  const matrix = list(data, "matrix", labels.length).map((row, place) => {
    if (!Array.isArray(row) || row.length !== labels.length) throw new Broken(`data.matrix[${place}] has ${Array.isArray(row) ? row.length : "no"} entries, not ${labels.length}: one a class`);
    return numbers(row, `data.matrix[${place}]`, { least: 0 });
  });
  return { labels, matrix };
}

/** @param {any} document @returns {Accuracy} */
export function accuracyOf(document) {
  const data = dataOf(document, "accuracy_table");
  const labels = named(list(data, "class_labels"));
  if (!labels.length) throw new Broken("data.class_labels is empty");
  const tables = (/** @type {string} */ which) => {
    const at = numbers(list(data, `${which}_thresholds`), `data.${which}_thresholds`);
    const found = list(data, `${which}_tables`, labels.length).map((table, place) => {
      const name = `data.${which}_tables[${place}]`;
      if (!Array.isArray(table) || table.length !== at.length) throw new Broken(`${name} has ${Array.isArray(table) ? table.length : "no"} entries, and there are ${at.length} thresholds`);
      return table.map((counts, row) => {
        if (!Array.isArray(counts) || counts.length !== 4) throw new Broken(`${name}[${row}] is not [TP, FP, TN, FN]`);
        return /** @type {Counts} */ (numbers(counts, `${name}[${row}]`, { least: 0 }));
      });
    });
    return { at, found };
  };
  const [probability, percentile] = [tables("probability"), tables("percentile")];
  return { labels, probability: probability.found, probabilityAt: probability.at, percentile: percentile.found, percentileAt: percentile.at };
}

/** @param {any} document @returns {Residuals} */
export function residualsOf(document) {
  const data = dataOf(document, "residuals");
  const edges = rising(numbers(list(data, "bin_edges"), "data.bin_edges"), "data.bin_edges");
  const counts = numbers(list(data, "bin_counts", edges.length - 1), "data.bin_counts", { least: 0 });
  const [mean, spread] = [data.mean, data.stddev].map((one) => (typeof one === "number" && Number.isFinite(one) ? one : null));
  return { edges, counts, mean: mean ?? null, spread: spread ?? null };
}

/** @param {any} document @returns {Predictions} */
export function predictionsOf(document) {
  const data = dataOf(document, "predictions");
  const edges = rising(numbers(list(data, "bin_edges"), "data.bin_edges"), "data.bin_edges");
  const bins = edges.length - 1;
  return {
    edges,
    counts: numbers(list(data, "bin_counts", bins), "data.bin_counts", { least: 0 }),
    averages: numbers(list(data, "bin_averages", bins), "data.bin_averages", { orNull: true }),
    errors: numbers(list(data, "bin_errors", bins), "data.bin_errors", { orNull: true, least: 0 }),
  };
}

const READ = { confusion_matrix: matrixOf, accuracy_table: accuracyOf, residuals: residualsOf, predictions: predictionsOf };

/** @param {Kind} kind @param {any} document @returns {any} Throws `Broken`. */
export function read(kind, document) {
  return READ[kind](document);
}

/** @param {any[]} files documents of an explanation by their part's name @returns {Importance} Throws `Broken`. */
export function importanceOf(files) {
  const part = (/** @type {string} */ name) => files.filter((file) => file.part.startsWith(name)).sort((one, other) => one.block - other.block).flatMap((file) => (Array.isArray(file.content) ? [file.content] : []));
  const [names, values] = [part("global_names").flat().map((one) => plain(String(one)) || "(empty)"), numbers(part("global_values").flat(), "global_values")];
  if (!names.length || names.length !== values.length) throw new Broken(`the explanation has ${names.length} names of features and ${values.length} values`);
  const given = files.find((file) => file.part === "classes")?.content;
  const classes = Array.isArray(given) ? named(given) : null;
  const [perNames, perValues] = [part("per_class_names"), part("per_class_values")];
  /** @type {Importance["classes"]} */
  const found = [];
  if (classes) {
    classes.forEach((name, place) => {
      const by = new Map();
      perNames.forEach((block, which) => (block[place] ?? []).forEach((/** @type {any} */ feature, /** @type {number} */ at) => by.set(plain(String(feature)) || "(empty)", Math.abs(Number(perValues[which]?.[place]?.[at])))));
      if (by.size) found.push({ name, values: names.map((feature) => by.get(feature) ?? 0) });
    });
  }
  return { features: names, overall: values, classes: found };
}

/** @typedef {"class" | "macro" | "micro"} Of */
/** @typedef {"roc" | "precision_recall" | "gains" | "lift" | "calibration"} CurveKind */
/** @type {Record<CurveKind, (counts: Counts) => [number, number] | null>} */
const POINT = {
  roc: ([tp, fp, tn, fn]) => (tp + fn && fp + tn ? [fp / (fp + tn), tp / (tp + fn)] : null),
  precision_recall: ([tp, fp, , fn]) => (tp + fn && tp + fp ? [tp / (tp + fn), tp / (tp + fp)] : null),
  gains: ([tp, fp, tn, fn]) => (tp + fn ? [(tp + fp) / (tp + fp + tn + fn), tp / (tp + fn)] : null),
  lift: ([tp, fp, tn, fn]) => (tp + fn && tp + fp ? [(tp + fp) / (tp + fp + tn + fn), tp / (tp + fn) / ((tp + fp) / (tp + fp + tn + fn))] : null),
  calibration: () => null,
};

/** The counts of all classes together. @param {Counts[][]} tables @returns {Counts[]} */
function summed(tables) {
  return (tables[0] ?? []).map((_, row) => /** @type {Counts} */ ([0, 1, 2, 3].map((column) => tables.reduce((sum, table) => sum + (table[row]?.[column] ?? 0), 0))));
}

/** @typedef {{ all: Counts[][], at: number[] }} Tables of all classes, over thresholds */
/** @type {WeakMap<Accuracy, Tables>} */
const joined = new WeakMap();

/**
 * Both halves in one order of thresholds: of a model that is sure of itself hardly a score lies between evenly spaced ones. Where that
 * makes a higher threshold take more, the percentiles are no scores, and the evenly spaced ones stand alone.
 * @param {Accuracy} table @returns {Tables}
 */
function both(table) {
  const known = joined.get(table);
  if (known) return known;
  const every = [...table.probabilityAt, ...table.percentileAt];
  const order = every.map((_, place) => place).sort((one, other) => (every[one] ?? 0) - (every[other] ?? 0) || one - other);
  const places = order.filter((place, from) => from === 0 || every[order[from - 1] ?? 0] !== every[place]);
  const all = table.probability.map((rows, of) => places.map((place) => /** @type {Counts} */ (rows[place] ?? table.percentile[of]?.[place - rows.length])));
  const isFalling = all.every((rows) => rows.every((row, place) => row[0] <= (rows[place - 1]?.[0] ?? row[0]) && row[1] <= (rows[place - 1]?.[1] ?? row[1])));
  const made = isFalling ? { all, at: places.map((place) => every[place] ?? 0) } : { all: table.probability, at: table.probabilityAt };
  joined.set(table, made);
  return made;
}

/** Curves that were made: they are drawn anew whenever a threshold moves. @type {WeakMap<Accuracy, Map<string, Curve>>} */
const made = new WeakMap();

/** @param {Accuracy} table @param {CurveKind} kind @param {number | "macro" | "micro"} of a class by its place, or an average @returns {Curve} */
export function curve(table, kind, of) {
  const mine = made.get(table) ?? new Map();
  made.set(table, mine);
  const key = `${kind} ${of}`;
  if (!mine.has(key)) mine.set(key, curveOf(table, kind, of));
  return mine.get(key);
}

/** @param {Accuracy} table @param {CurveKind} kind @param {number | "macro" | "micro"} of @returns {Curve} */
function curveOf(table, kind, of) {
  const { all, at } = kind === "gains" || kind === "lift" ? { all: table.percentile, at: table.percentileAt } : kind === "calibration" ? { all: table.probability, at: table.probabilityAt } : both(table);
  const tables = of === "micro" ? [summed(all)] : of === "macro" ? all : [all[of] ?? []];
  if (kind === "calibration") return calibration(tables, at);
  const found = along(tables, at, POINT[kind]);
  return kind === "precision_recall" && of === "macro" ? { ...overRecalls(tables.map((one) => along([one], at, POINT[kind]))), by: found } : found;
}

/** A mean of curves has so many points at most. */
const RECALLS = 1000;

/** The mean precision at every recall that one of the curves has and all of them reach: at one threshold for all, the mean recall may turn back. @param {Curve[]} all @returns {Curve} */
function overRecalls(all) {
  const curves = all.filter(({ x }) => x.length);
  const reach = Math.min(...curves.map(({ x }) => x[0] ?? 0));
  const every = [...new Set(curves.flatMap(({ x }) => x))].filter((at) => at <= reach).sort((one, other) => other - one);
  const stride = Math.ceil(every.length / RECALLS);
  const recalls = every.filter((_, place) => place % stride === 0 || place === every.length - 1);
  const places = curves.map(() => 0);
  const y = recalls.map((at) => sum(curves.map(({ x, y: own }, which) => {
    // Of several thresholds with one recall the highest counts.
    let place = places[which] ?? 0;
    while ((x[place + 1] ?? -1) >= at) place++;
    places[which] = place;
    return own[place] ?? 0;
  })) / curves.length);
  return { x: recalls, y, threshold: [] };
}

/** @param {Counts[][]} tables @param {number[]} at @param {(counts: Counts) => [number, number] | null} point @returns {Curve} */
function along(tables, at, point) {
  /** @type {Curve} */
  const found = { x: [], y: [], threshold: [] };
  at.forEach((threshold, row) => {
    const there = tables.map((table) => (table[row] ? point(/** @type {Counts} */ (table[row])) : null)).filter((one) => one !== null);
    if (!there.length) return;
    found.threshold.push(threshold);
    found.x.push(there.reduce((sum, one) => sum + one[0], 0) / there.length);
    found.y.push(there.reduce((sum, one) => sum + one[1], 0) / there.length);
  });
  return found;
}

/** So many bins a calibration curve has at most: of a hundred, most would hold a sample or two. */
export const BINS = 10;

/** The share of positives among the samples between two thresholds, in bins of equal width. @param {Counts[][]} tables @param {number[]} at @returns {Curve} */
function calibration(tables, at) {
  /** @type {Required<Omit<Curve, "by">>} */
  const found = { x: [], y: [], threshold: [], count: [] };
  const last = at.length - 1;
  const bins = Math.min(BINS, last);
  for (let part = 0; part < bins; part++) {
    const [from, to] = [Math.floor((part * last) / bins), Math.floor(((part + 1) * last) / bins)];
    const rows = Array.from({ length: to - from }, (_, place) => from + place);
    const of = tables.map((table) => rows.map((row) => ({ row, of: bin(table, row) })));
    const shares = of.map((own) => [sum(own.map((one) => one.of[0])), sum(own.map((one) => one.of[1]))]).filter(([, total]) => (total ?? 0) > 0);
    if (!shares.length) continue;
    const all = of.flat();
    const count = sum(all.map((one) => one.of[1]));
    found.threshold.push(at[from] ?? 0);
    found.count.push(count);
    found.x.push(sum(all.map((one) => one.of[1] * (((at[one.row] ?? 0) + (at[one.row + 1] ?? 1)) / 2))) / count);
    found.y.push(sum(shares.map(([positive = 0, total = 1]) => positive / total)) / shares.length);
  }
  return found;
}

/** @param {number[]} values */
const sum = (values) => values.reduce((all, one) => all + one, 0);

/** @param {Counts[]} table @param {number} row @returns {[number, number]} positives and samples; the last bin has those at 1 too */
function bin(table, row) {
  const [here, there] = [table[row] ?? [0, 0, 0, 0], table[row + 1] ?? [0, 0, 0, 0]];
  if (row === table.length - 2) return [here[0], here[0] + here[1]];
  return [here[0] - there[0], here[0] + here[1] - there[0] - there[1]];
}

/** Where on a curve a threshold lies: the place of the last threshold that is not above it. @param {Curve} given @param {number} threshold */
export function placeAt(given, threshold) {
  return placeOf(given.threshold, threshold);
}

/** @param {number[]} thresholds @param {number} threshold */
function placeOf(thresholds, threshold) {
  return thresholds.findLastIndex((at) => at <= threshold + 1e-9);
}

/** A curve's height at a share of samples, between its points. @param {Curve} given @param {number} x */
export function heightAt(given, x) {
  const points = given.x.map((at, place) => /** @type {[number, number]} */ ([at, given.y[place] ?? 0])).sort((one, other) => one[0] - other[0]);
  const after = points.findIndex(([at]) => at >= x);
  if (after === -1) return points.at(-1)?.[1] ?? null;
  const [high, low] = [points[after], points[after - 1]];
  if (!high || !low || high[0] === low[0]) return high?.[1] ?? null;
  return low[1] + ((high[1] - low[1]) * (x - low[0])) / (high[0] - low[0]);
}

/** What would be predicted for one class against the rest at a threshold. @param {Accuracy} table @param {number} of @param {number} threshold @returns {Matrix} */
export function matrixAt(table, of, threshold) {
  const name = table.labels[of] ?? "";
  const { all, at } = both(table);
  const row = Math.max(0, placeOf(at, threshold));
  const [tp, fp, tn, fn] = all[of]?.[row] ?? [0, 0, 0, 0];
  return { labels: [name, `not ${name}`], matrix: [[tp, fn], [fp, tn]] };
}

/** The mean precision over all recall, each step of recall with the precision that it is had at. @param {Curve} given of falling recall */
export function averagePrecision({ x, y }) {
  return sum(x.map((at, place) => (at - (x[place + 1] ?? 0)) * (y[place] ?? 0)));
}

/** The area under a curve, by trapezoids of its points: of a table an estimate. @param {Curve} given */
export function area({ x, y }) {
  const points = x.map((at, place) => /** @type {[number, number]} */ ([at, y[place] ?? 0])).sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  let sum = 0;
  for (let place = 1; place < points.length; place++) {
    const [one, other] = [points[place - 1] ?? [0, 0], points[place] ?? [0, 0]];
    sum += ((other[0] - one[0]) * (one[1] + other[1])) / 2;
  }
  return sum;
}
