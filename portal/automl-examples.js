// What a poor and an ideal model look like, for who asks a chart's `?`: made data, drawn by the same code as a run's.
import { CurveDrawing, linesOf } from "./automl-curves.js";
import { ImportanceDrawing } from "./automl-importance.js";
import { MatrixDrawing } from "./automl-matrix.js";
import { PredictionsDrawing, ResidualsDrawing } from "./automl-regression.js";
import { html } from "./html.js";

/** @import { Accuracy, Counts, CurveKind } from "./automl-data.js" */

const LABELS = ["A", "B", "C"];
const SAMPLES = 240;
const THRESHOLDS = 41;

/** Numbers that look random and are the same each time, as if from a normal distribution. @param {number} seed */
function noise(seed) {
  let state = seed;
  const next = () => (state = (state * 1664525 + 1013904223) % 4294967296) / 4294967296;
  return () => next() + next() + next() + next() + next() + next() - 3;
}

/**
 * An accuracy table of made samples. @param {number} strength how well scores tell the classes apart @param {number} sharp how sure the scores are
 * @returns {Accuracy}
 */
function table(strength, sharp) {
  const draw = noise(7);
  const scores = Array.from({ length: SAMPLES }, (_, place) => {
    const raw = LABELS.map((_, of) => sharp * (strength * (place % 3 === of ? 1 : 0) + draw()));
    const sum = raw.reduce((all, one) => all + Math.exp(one), 0);
    return raw.map((one) => Math.exp(one) / sum);
  });
  const at = Array.from({ length: THRESHOLDS }, (_, place) => place / (THRESHOLDS - 1));
  const pooled = scores.flat().sort((one, other) => one - other);
  const percentiles = at.map((share) => pooled[Math.min(pooled.length - 1, Math.floor(share * pooled.length))] ?? 1);
  const counted = (/** @type {number} */ of, /** @type {number} */ threshold) => {
    const found = /** @type {Counts} */ ([0, 0, 0, 0]);
    scores.forEach((row, place) => {
      const isTaken = (row[of] ?? 0) >= threshold;
      found[place % 3 === of ? (isTaken ? 0 : 3) : isTaken ? 1 : 2] += 1;
    });
    return found;
  };
  const tables = (/** @type {number[]} */ thresholds) => LABELS.map((_, of) => thresholds.map((threshold) => counted(of, threshold)));
  return { labels: LABELS, probability: tables(at), probabilityAt: at, percentile: tables(percentiles), percentileAt: percentiles };
}

/** @param {Accuracy} data @param {CurveKind} kind */
const curves = (data, kind) => html`<${CurveDrawing} kind=${kind} lines=${linesOf([{ label: "", place: 0, data }], kind, new Set())} />`;

/** @param {number} tilt @param {number} margin */
function predictions(tilt, margin) {
  const edges = Array.from({ length: 11 }, (_, place) => place * 10);
  const middles = edges.slice(1).map((edge) => edge - 5);
  const data = { edges, counts: middles.map((at) => Math.round(40 * Math.exp(-(((at - 50) / 28) ** 2)))), averages: middles.map((at) => 50 + (at - 50) * tilt), errors: middles.map(() => margin) };
  return html`<${PredictionsDrawing} given=${[{ label: "", place: 0, data }]} />`;
}

/** @param {number} mean @param {number} spread */
function residuals(mean, spread) {
  const edges = Array.from({ length: 11 }, (_, place) => place * 8 - 40);
  const data = { edges, counts: edges.slice(1).map((edge) => Math.round(100 * Math.exp(-(((edge - 4 - mean) / spread) ** 2) / 2))), mean, spread };
  return html`<${ResidualsDrawing} given=${[{ label: "", place: 0, data }]} />`;
}

/** @param {number} fall */
function importance(fall) {
  const features = ["age", "income", "city", "clicks", "weekday", "device"];
  return html`<${ImportanceDrawing} bars=${[{ label: "overall", place: 0, values: new Map(features.map((feature, place) => [feature, fall ** place])) }]} features=${features} />`;
}

const matrix = (/** @type {number[][]} */ counts) => html`<${MatrixDrawing} data=${{ labels: LABELS, matrix: counts }} />`;

/** @type {Record<string, { how: string, poor: [string, () => any], ideal: [string, () => any] }>} */
const EXAMPLES = {
  confusion_matrix: {
    how: "A row is what is true, a column what was predicted. The more of each row lies on the diagonal, in green, the better; a large red circle is a pair of classes that are taken for one another.",
    poor: ["Poor: the circles are as large beside the diagonal as on it.", () => matrix([[22, 31, 27], [29, 24, 27], [30, 26, 24]])],
    ideal: ["Ideal: almost everything lies on the diagonal.", () => matrix([[79, 1, 0], [0, 78, 2], [1, 0, 79]])],
  },
  precision_recall: {
    how: "Precision is how many of those taken are right, recall how many of those there are were taken. Moving the threshold trades one for the other; a good model keeps precision near 1 up to a high recall.",
    poor: ["Poor: precision is about the share of the class, whatever the recall.", () => curves(table(0.1, 1), "precision_recall")],
    ideal: ["Ideal: the curve stays in the upper right corner.", () => curves(table(5, 0.8), "precision_recall")],
  },
  roc: {
    how: "How many of the others are taken wrongly for it, against how many of the class are found. Chance is the diagonal. Where one class is rare this chart flatters: then look at precision-recall.",
    poor: ["Poor: hardly off the diagonal.", () => curves(table(0.1, 1), "roc")],
    ideal: ["Ideal: up the left side, then along the top.", () => curves(table(6, 1.5), "roc")],
  },
  lift: {
    how: "Take the samples with the best scores first: how many times more of the class are among them than among as many taken at random. The curve ends at 1 when all are taken.",
    poor: ["Poor: about 1 everywhere, or below.", () => curves(table(0.1, 1), "lift")],
    ideal: ["Ideal: high, and far to the right before it falls.", () => curves(table(6, 1.5), "lift")],
  },
  gains: {
    how: "Take the samples with the best scores first: how much of the class one has by then. At random it is the diagonal; choose the cut-off where the gain is enough for you.",
    poor: ["Poor: little more than at random.", () => curves(table(0.1, 1), "gains")],
    ideal: ["Ideal: everything is had as soon as that many are taken.", () => curves(table(6, 1.5), "gains")],
  },
  calibration: {
    how: "Of samples said to be positive with probability p, the share that is. On the diagonal the model knows how sure it may be; a curve flatter than it is of a model too sure of itself.",
    poor: ["Poor: too sure: what is called almost certain is often wrong.", () => curves(table(0.7, 3.5), "calibration")],
    ideal: ["Ideal: along y = x.", () => curves(table(1.4, 1.0), "calibration")],
  },
  predictions: {
    how: "Samples in bins of their true value; the average of what was predicted for each, and, lighter, one standard deviation about it. The nearer to y = x and the narrower, the better. Bars below: how many samples a bin has.",
    poor: ["Poor: everything is predicted to be about the average, with a wide margin.", () => predictions(0.25, 18)],
    ideal: ["Ideal: along y = x, with a narrow margin.", () => predictions(0.98, 4)],
  },
  residuals: {
    how: "How far predictions are off. A bell about 0 means that errors go both ways alike; one that lies beside 0 is a bias that could be taken off. The lighter area is the mean and one standard deviation.",
    poor: ["Poor: beside 0, and wide.", () => residuals(14, 15)],
    ideal: ["Ideal: a narrow bell about 0.", () => residuals(0, 7)],
  },
  importance: {
    how: "How much each feature counts for what the model answers, overall or for one class. Compare classes: what tells one of them from the rest may say little overall.",
    poor: ["Suspicious: one feature decides all; it may give the answer away.", () => importance(0.06)],
    ideal: ["Plausible: several features share it.", () => importance(0.75)],
  },
};

/** @param {{ of: string }} props */
export function Examples({ of }) {
  const found = EXAMPLES[of];
  if (!found) return null;
  return html`<div class="examples"><p class="small">${found.how}</p>
    ${[found.poor, found.ideal].map(([text, draw]) => html`<figure>${draw()}<figcaption>${text}</figcaption></figure>`)}
  </div>`;
}
