// Curves of an accuracy table: precision-recall, ROC, calibration, which share a threshold; gains and lift, which share a cut-off.
import { area, AVERAGES, averagePrecision, curve, heightAt, placeAt } from "./automl-data.js";
import { Axes, ModelCard, path, placed, pointed } from "./automl-draw.js";
import { clipped, figure } from "./format.js";
import { html } from "./html.js";
import { classOf, COLOURS } from "./palette.js";

/** @import { Accuracy, Curve, CurveKind } from "./automl-data.js" */
/** @import { ModelLook } from "./automl-look.js" */
/** @typedef {{ label: string, place: number, data: Accuracy }} Given */
/** @typedef {{ name: string, of: number | "macro" | "micro", run: string, place: number, style: string, curve: Curve }} Drawn */

/** @type {Record<CurveKind, { title: string, x: string, y: string }>} */
const ABOUT = {
  precision_recall: { title: "Precision-recall", x: "Recall", y: "Precision" },
  roc: { title: "ROC", x: "False positive rate", y: "True positive rate" },
  calibration: { title: "Calibration", x: "Predicted probability", y: "Share that is positive" },
  lift: { title: "Lift", x: "Share of samples", y: "Lift" },
  gains: { title: "Cumulative gains", x: "Share of samples", y: "Gain" },
};

/**
 * What tells lines apart beside their colour, which is the run's own where there are several. Up to eight runs: averages and classes have dashes.
 * Of more, runs have them, and averages are thicker than classes.
 * @param {number | "macro" | "micro"} of @param {boolean} isSeveral
 */
export function dashes(of, isSeveral) {
  return typeof of === "string" ? `average ${of}` : `d${isSeveral ? of % 4 : Math.floor((2 + of) / COLOURS) % 4}`;
}

/** The lines of all runs: averages and classes that are wanted. @param {Given[]} given @param {CurveKind} kind @param {Set<string>} without @returns {Drawn[]} */
export function linesOf(given, kind, without) {
  return given.flatMap(({ label, place, data }) => {
    const all = /** @type {{ name: string, of: number | "macro" | "micro" }[]} */ ([{ name: AVERAGES[0], of: "macro" }, { name: AVERAGES[1], of: "micro" }, ...data.labels.map((name, of) => ({ name, of }))]);
    return all.filter(({ name }) => !without.has(name)).map(({ name, of }) => {
      const isAverage = of === "macro" || of === "micro";
      const colour = given.length > 1 ? place : isAverage ? (of === "macro" ? 0 : 1) : 2 + of;
      const style = given.length > COLOURS ? `${classOf(colour)} ${isAverage ? `thick-${of}` : "thin"}` : `c${colour % COLOURS} ${dashes(of, given.length > 1)}`;
      return { name, of, run: label, place, style, curve: curve(data, kind, of) };
    });
  });
}

/** @param {{ kind: CurveKind, given: Given[], look: ModelLook, examples?: (() => any) | undefined }} props */
export function CurveCard({ kind, given, look, examples }) {
  const about = ABOUT[kind];
  const lines = linesOf(given, kind, look.without.value);
  const cells = () => ({
    columns: ["run", "line", "threshold", about.x, about.y],
    rows: lines.flatMap(({ run, name, curve: { x, y, threshold } }) => x.map((at, place) => [run, name, threshold[place] ?? null, at, y[place] ?? null])),
  });
  return html`<${ModelCard} title=${about.title} label=${said(kind, lines, look)} cells=${cells} examples=${examples}>
    <${CurveDrawing} kind=${kind} lines=${lines} look=${look} />
  </${ModelCard}>`;
}

/** @param {{ kind: CurveKind, lines: Drawn[], look?: ModelLook }} props without a look: an example, that nothing moves in */
export function CurveDrawing({ kind, lines, look }) {
  const about = ABOUT[kind];
  const top = kind === "lift" ? Math.max(2, ...lines.flatMap(({ curve: { y } }) => y)) * 1.05 : 1;
  const [x, y] = /** @type {[[number, number], [number, number]]} */ ([[0, 1], [0, top]]);
  const at = placed(x, y);
  const isShare = kind === "gains" || kind === "lift";
  const move = (/** @type {PointerEvent} */ event) => {
    if (!look || (event.type === "pointermove" && !event.buttons)) return;
    event.preventDefault();
    const [left, up] = pointed(event);
    if (isShare) look.choose({ share: Math.round(Math.min(1, Math.max(0, at.atX(left))) * 100) / 100 });
    else if (kind === "calibration") look.choose({ threshold: Math.round(Math.min(1, Math.max(0, at.atX(left))) * 100) / 100 });
    else look.choose({ threshold: nearestThreshold(lines, at.atX(left), at.atY(up)) ?? look.threshold.peek() });
  };
  return html`<svg viewBox="0 0 440 300" onPointerDown=${move} onPointerMove=${move} style=${look ? "touch-action: pan-y; cursor: crosshair" : ""} aria-hidden="true">
    <${Axes} at=${at} x=${x} y=${y} xTitle=${about.x} yTitle=${about.y} />
    ${kind !== "precision_recall" && html`<path class="base" d=${kind === "lift" ? `M${at.x(0)} ${at.y(1)}H${at.x(1)}` : path(at, [0, 1], [0, 1])}><title>${kind === "calibration" ? "y = x: as often as it says" : "random"}</title></path>`}
    ${lines.map((line) => html`<${One} line=${line} d=${path(at, ...pairOf(ends(kind, line.curve)))} at=${at} />`)}
    ${kind === "calibration" && lines.map((line) => html`<${Bins} line=${line} at=${at} />`)}
    ${look && html`<${Cut} kind=${kind} lines=${lines} look=${look} at=${at} />`}
  </svg>`;
}

/** A line, and around it where the pointer makes the others fade and says which it is. @param {{ line: Drawn, d: string, at: import("./automl-draw.js").Place }} props */
function One({ line, d, at }) {
  const name = `${line.run ? `${line.run}: ` : ""}${line.name}`;
  return html`<g class="one" data-run=${line.place} data-line=${line.name}><path class=${`line ${line.style}`} d=${d}><title>${name}</title></path><path class="near" d=${d} /><text class="who" x=${at.left + at.width / 2} y=${at.top + at.height - 8} text-anchor="middle">${clipped(name, 60)}</text></g>`;
}

/** ROC and gains begin and end in the corners; below the lowest recall that a threshold has, precision is as at that. @param {CurveKind} kind @param {Curve} given @returns {Curve} */
function ends(kind, given) {
  const { x, y } = given;
  if (!x.length) return given; // of a class without samples, or with nothing else, there is no curve
  if (kind === "precision_recall") return { ...given, x: [...x, 0], y: [...y, y.at(-1) ?? 0] };
  if (kind !== "roc" && kind !== "gains") return given;
  const isFalling = (x[0] ?? 0) >= (x.at(-1) ?? 0);
  return { ...given, x: isFalling ? [1, ...x, 0] : [0, ...x, 1], y: isFalling ? [1, ...y, 0] : [0, ...y, 1] };
}

/** @param {Curve} given @returns {[number[], number[]]} */
const pairOf = ({ x, y }) => [x, y];

/** How many samples each point of a calibration curve stands for: a point of two says little. @param {{ line: Drawn, at: import("./automl-draw.js").Place }} props */
function Bins({ line, at }) {
  const { x, y, count = [] } = line.curve;
  const most = Math.max(1, ...count);
  return x.map((across, place) => html`<circle class=${`bin ${line.style}`} r=${1.2 + 4 * Math.sqrt((count[place] ?? 0) / most)} cx=${at.x(across)} cy=${at.y(y[place] ?? 0)}><title>${line.name}: ${figure(count[place] ?? 0)} samples</title></circle>`);
}

/** Where all charts are cut. @param {{ kind: CurveKind, lines: Drawn[], look: ModelLook, at: import("./automl-draw.js").Place }} props */
function Cut({ kind, lines, look, at }) {
  const [threshold, share] = [look.threshold.value, look.share.value];
  if (kind === "gains" || kind === "lift" || kind === "calibration") {
    const x = kind === "calibration" ? threshold : share;
    return html`<path class="cut" d=${`M${at.x(x)} ${at.top}v${at.height}`} />${kind !== "calibration" && lines.map((line) => {
      const y = heightAt(ends(kind, line.curve), share);
      return y !== null && html`<circle class=${`point ${line.style}`} r="3.5" cx=${at.x(share)} cy=${at.y(y)} />`;
    })}`;
  }
  return lines.map((line) => {
    const points = line.curve.by ?? line.curve;
    const place = placeAt(points, threshold);
    const [x, y] = [points.x[place], points.y[place]];
    return x !== undefined && y !== undefined && html`<circle class=${`point ${line.style}`} r="4.5" cx=${at.x(x)} cy=${at.y(y)}><title>${line.name} at ${figure(threshold)}</title></circle>`;
  });
}

/** @param {Drawn[]} lines @param {number} x @param {number} y */
function nearestThreshold(lines, x, y) {
  let [best, found] = [Number.POSITIVE_INFINITY, /** @type {number | null} */ (null)];
  for (const { curve } of lines) {
    const given = curve.by ?? curve;
    given.x.forEach((at, place) => {
      const away = Math.hypot(at - x, (given.y[place] ?? 0) - y);
      if (away < best) [best, found] = [away, given.threshold[place] ?? 0];
    });
  }
  return found;
}

/** The chart in words. @param {CurveKind} kind @param {Drawn[]} lines @param {ModelLook} look */
function said(kind, lines, look) {
  const [threshold, share] = [look.threshold.value, look.share.value];
  const averages = lines.filter((line) => line.of === "macro" || line.of === "micro");
  const several = new Set(lines.map((line) => line.run)).size > 1;
  const words = (averages.length ? averages : lines).slice(0, 6).map((line) => {
    const who = `${several ? `${line.run} ` : ""}${line.name.replace(" average", "")}`;
    if (kind === "gains" || kind === "lift") return `${who} ${short(heightAt(ends(kind, line.curve), share))}`;
    const points = line.curve.by ?? line.curve;
    const place = placeAt(points, threshold);
    if (kind === "calibration") return `${who} ${short(offBy(line.curve))}`;
    const pair = `${short(points.x[place])} / ${short(points.y[place])}`;
    return `${who} ${pair}, ${kind === "roc" ? `area about ${short(line.curve.x.length ? area(ends("roc", line.curve)) : null)}` : `average precision about ${short(line.curve.x.length ? averagePrecision(line.curve) : null)}`}`;
  });
  const where = { roc: `At threshold ${figure(threshold)} (false / true positive rate)`, precision_recall: `At threshold ${figure(threshold)} (recall / precision)`, calibration: "How far off y = x on average over the samples", gains: `At ${figure(share * 100)} % of the samples (at random ${figure(share)})`, lift: `At ${figure(share * 100)} % of the samples (at random 1)` }[kind];
  return words.length ? `${where}: ${words.join("; ")}.` : "No line is chosen.";
}

/** @param {number | null | undefined} given */
const short = (given) => (given === null || given === undefined ? "-" : String(Number(given.toFixed(3))));

/** How far from y = x, each bin by its samples: the expected calibration error. @param {Curve} given */
function offBy({ x, y, count = [] }) {
  return x.reduce((sum, at, place) => sum + Math.abs(at - (y[place] ?? 0)) * (count[place] ?? 0), 0) / (count.reduce((sum, one) => sum + one, 0) || 1);
}
