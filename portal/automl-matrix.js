// A confusion matrix: a circle a cell, as large as its samples; beside it how often each label is true, below how often it is predicted.
import { matrixAt } from "./automl-data.js";
import { ModelCard } from "./automl-draw.js";
import { clipped, figure } from "./format.js";
import { html } from "./html.js";

/** @import { Accuracy, Matrix } from "./automl-data.js" */
/** @import { ModelLook } from "./automl-look.js" */
/** @typedef {{ label: string, place: number, data: Matrix, table: Accuracy | null }} Given */

const SIZE = 400;
const LEFT = 84;
const TOP = 8;
const BARS = 62;
/** Of more classes, cells have no number of their own; they say it when pointed at. */
const WITH_NUMBERS = 14;
/** Of more classes, cells without samples are nothing to point at: forty thousand would take seconds. */
const WITH_EMPTY = 50;
/** A label has so many letters, a letter is so wide, and a number on it so high. */
const LETTERS = 10;
const LETTER = 6.2;
const DIGIT = 9;
/** Labels at a slant are so far from one another that their letters do not touch. */
const TILTED = 15;

/** @param {{ given: Given[], look: ModelLook, examples?: (() => any) | undefined }} props */
export function MatrixCard({ given, look, examples }) {
  const isPercent = look.isPercent.value;
  const labels = [...new Set(given.flatMap(({ table }) => table?.labels ?? []))];
  const of = look.matrix.value;
  const placeIn = (/** @type {Accuracy | null} */ table) => table?.labels.indexOf(of) ?? -1;
  const shown = given.map((one) => ({ ...one, data: one.table && placeIn(one.table) >= 0 ? matrixAt(one.table, placeIn(one.table), look.threshold.value) : one.data }));
  const most = Math.max(1, ...shown.flatMap(({ data }) => data.matrix.flat()));
  const cells = () => ({
    columns: ["run", "true", "predicted", "samples", "percent of the true label"],
    rows: shown.flatMap(({ label, data }) => data.matrix.flatMap((row, up) => row.map((count, across) => [label, data.labels[up] ?? "", data.labels[across] ?? "", count, percent(row, count)]))),
  });
  return html`<${ModelCard} title="Confusion matrix" label=${shown.map((one) => said(one, given.length > 1)).join(" ")} cells=${cells} examples=${examples} isWide=${given.length > 1}>
    <div class="automl-tools small">
      <div class="choice" role="group" aria-label="What is counted">
        <button type="button" aria-pressed=${!isPercent} onClick=${() => look.choose({ isPercent: false })}>Counts</button>
        <button type="button" aria-pressed=${isPercent} onClick=${() => look.choose({ isPercent: true })}>Percent</button>
      </div>
      ${labels.length > 0 && html`<select aria-label="Which predictions" value=${of} onChange=${(/** @type {any} */ event) => look.choose({ matrix: event.target.value })}>
        <option value="">As predicted</option>${labels.map((name) => html`<option value=${name}>${clipped(name, 40)} at the threshold</option>`)}
      </select>`}
    </div>
    <div class="matrices">${shown.map((one) => html`<div>${given.length > 1 && html`<p class="small"><span class=${`key dot c${one.place % 8}`}></span><bdi>${one.label}</bdi></p>`}<${MatrixDrawing} data=${one.data} isPercent=${isPercent} most=${most} /></div>`)}</div>
  </${ModelCard}>`;
}

/** @param {number[]} row @param {number} count */
function percent(row, count) {
  const sum = row.reduce((all, one) => all + one, 0);
  return sum ? (count / sum) * 100 : 0;
}

/** @param {{ data: Matrix, isPercent?: boolean, most?: number }} props */
export function MatrixDrawing({ data, isPercent = false, most = Math.max(1, ...data.matrix.flat()) }) {
  const { labels, matrix } = data;
  const side = Math.min(300, SIZE - LEFT - BARS);
  const step = side / labels.length;
  const trues = matrix.map((row) => row.reduce((all, one) => all + one, 0));
  const predicted = labels.map((_, across) => matrix.reduce((all, row) => all + (row[across] ?? 0), 0));
  const [right, bottom] = [LEFT + side, TOP + side];
  const total = Math.max(1, ...trues, ...predicted);
  const all = trues.reduce((sum, one) => sum + one, 0) || 1;
  const word = (/** @type {number} */ count) => (isPercent ? `${figure(Number(((count / all) * 100).toPrecision(3)))} %` : figure(count));
  const every = Math.ceil(labels.length / 20);
  const everyTilted = Math.ceil((labels.length * TILTED) / side);
  const isTilted = Math.max(...labels.map((name) => Math.min(name.length, LETTERS))) * LETTER > step - 2;
  const under = bottom + (isTilted ? 58 : 14);
  const widest = Math.max(...trues.map((count) => word(count).length), ...predicted.map((count) => word(count).length)) * LETTER;
  // What is wider than its column stands in two rows by turns.
  const below = (/** @type {number} */ place) => (widest > step ? BARS - 10 + (place % 2) * (DIGIT + 2) : 17 + ((predicted[place] ?? 0) / total) * (BARS - 26));
  return html`<svg viewBox=${`0 0 ${Math.max(SIZE, right + BARS - 21 + widest)} ${under + BARS + 30}`} aria-hidden="true">
    ${labels.map((name, place) => {
      const [x, y] = [LEFT + (place + 0.5) * step, TOP + (place + 0.5) * step];
      return html`<path class="grid" d=${`M${LEFT} ${TOP + place * step}H${right}M${LEFT + place * step} ${TOP}V${bottom}`} />
        ${place % every === 0 && html`<text x=${LEFT - 6} y=${y + 4} text-anchor="end"><title>${name}</title>${clipped(name, LETTERS)}</text>`}
        ${place % (isTilted ? everyTilted : every) === 0 && html`<text transform=${isTilted ? `translate(${x + 5} ${bottom + 10}) rotate(-45)` : `translate(${x} ${bottom + 14})`} text-anchor=${isTilted ? "end" : "middle"}><title>${name}</title>${clipped(name, LETTERS)}</text>`}
        <rect class="column c7" x=${right + 6} y=${TOP + place * step + step * 0.15} height=${step * 0.7} width=${((trues[place] ?? 0) / total) * (BARS - 32)}><title>true ${name}: ${trues[place]}</title></rect>
        <rect class="column c7" x=${LEFT + place * step + step * 0.15} y=${under + 6} width=${step * 0.7} height=${((predicted[place] ?? 0) / total) * (BARS - 26)}><title>predicted ${name}: ${predicted[place]}</title></rect>
        ${place % every === 0 && html`<text class="count" x=${right + 9 + ((trues[place] ?? 0) / total) * (BARS - 32)} y=${y + 4}>${word(trues[place] ?? 0)}</text>`}
        ${place % every === 0 && step > 20 && html`<text class="count" text-anchor="middle" x=${x} y=${under + below(place)}>${word(predicted[place] ?? 0)}</text>`}`;
    })}
    <rect class="frame" x=${LEFT} y=${TOP} width=${side} height=${side} />
    ${matrix.map((row, up) => row.map((count, across) => (count > 0 || labels.length <= WITH_EMPTY) && html`<${Cell} row=${row} count=${count} share=${isPercent ? percent(row, count) / 100 : count / most} isRight=${up === across} isPercent=${isPercent}
      x=${LEFT + (across + 0.5) * step} y=${TOP + (up + 0.5) * step} step=${step} names=${[labels[up], labels[across]]} isNumbered=${labels.length <= WITH_NUMBERS} />`))}
    <text class="title" transform=${`translate(10 ${TOP + side / 2}) rotate(-90)`} text-anchor="middle">True label</text>
    <text class="title" x=${LEFT + side / 2} y=${under + BARS + 24} text-anchor="middle">Predicted label</text>
  </svg>`;
}

/** @param {{ row: number[], count: number, share: number, isRight: boolean, isPercent: boolean, x: number, y: number, step: number, names: string[], isNumbered: boolean }} props */
function Cell({ row, count, share, isRight, isPercent, x, y, step, names, isNumbered }) {
  const radius = Math.sqrt(Math.min(1, share)) * step * 0.46;
  // In narrow cells the sign is left out, then the tenths: a number must not lie over its neighbour.
  const words = isPercent ? `${figure(Number(percent(row, count).toFixed(step > 24 ? 1 : 0)))}${step > 38 ? " %" : ""}` : figure(count);
  // A number that does not fit onto its circle stands below it; in a low cell the two share the height.
  const isInside = radius >= words.length * 3.1 + 6 || 2 * radius + DIGIT + 2 > step;
  const isRoomy = radius + DIGIT + 3 <= step / 2;
  const up = isInside || isRoomy || !isNumbered ? y : y - DIGIT / 2 - 1;
  return html`<g><title>true ${names[0]}, predicted ${names[1]}: ${figure(count)} (${figure(Number(percent(row, count).toFixed(1)))} % of true ${names[0]})</title>
    <rect x=${x - step / 2} y=${y - step / 2} width=${step} height=${step} fill="transparent" />
    ${count > 0 && html`<circle class=${isRight ? "correct" : "incorrect"} cx=${x} cy=${up} r=${Math.max(1.5, radius)} opacity="0.8" />`}
    ${isNumbered && count > 0 && html`<text class=${isInside ? "count on" : "count"} x=${x} y=${isInside ? y + 4 : up + Math.max(1.5, radius) + DIGIT + 1} text-anchor="middle">${words}</text>`}
  </g>`;
}

/** @param {Given} given @param {boolean} isNamed */
function said({ label, data }, isNamed) {
  const all = data.matrix.flat().reduce((sum, one) => sum + one, 0);
  const right = data.matrix.reduce((sum, row, place) => sum + (row[place] ?? 0), 0);
  let worst = { count: 0, words: "" };
  data.matrix.forEach((row, up) => row.forEach((count, across) => {
    if (up !== across && count > worst.count) worst = { count, words: `; most often ${data.labels[up]} was taken for ${data.labels[across]} (${figure(count)})` };
  }));
  return `${isNamed ? `${label}: ` : ""}${figure(right)} of ${figure(all)} samples are right (${figure(Number(((right / (all || 1)) * 100).toFixed(1)))} %)${worst.words}.`;
}
