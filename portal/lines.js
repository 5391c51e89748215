// Lines as columns: smoothing, one axis for several lines, summaries in words. Pure.

/** @import { Drawn } from "./curve.js" */
/** @typedef {{ x: number[], columns: { last: Column, min: Column, max: Column }[] }} Aligned */
/** undefined: no point there, the line goes on; null: a gap. @typedef {(number | null | undefined)[]} Column */

/** Places of a common axis; where lines have more between them, they are put into so many cells. */
export const PLACES = 2000;

/**
 * A weighted mean of what came before, by how far it lies back; begins without a bias. A gap stays one.
 * @param {number[]} x @param {(number | null)[]} y @param {number} weight 0 to below 1 @param {boolean} isLog smoothed as it is drawn
 */
export function smoothed(x, y, weight, isLog = false) {
  if (!weight) return y;
  const usual = usualStep(x);
  let [sum, total, before] = [0, 0, Number.NaN];
  return y.map((value, place) => {
    if (value === null || (isLog && value <= 0)) return null;
    const at = x[place] ?? 0;
    const keep = Number.isNaN(before) ? 1 : weight ** Math.min(1000, Math.max(0, (at - before) / usual));
    before = at;
    sum = sum * keep + (1 - weight) * (isLog ? Math.log(value) : value);
    total = total * keep + (1 - weight);
    return isLog ? Math.exp(sum / total) : sum / total;
  });
}

/** The middle one of the distances. @param {number[]} x */
function usualStep(x) {
  const steps = x.slice(1).map((at, place) => at - (x[place] ?? 0)).filter((step) => step > 0).sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)] ?? 1;
}

/** Several lines over one axis: each place that one of them has, or, where these are too many, cells. @param {Drawn[]} lines @param {[number, number] | null} range @returns {Aligned} */
export function aligned(lines, range) {
  const [first] = lines;
  if (!first) return { x: [], columns: [] };
  if (lines.every((line) => isSame(line.x, first.x))) return { x: first.x, columns: lines };
  const x = union(lines);
  return x.length <= PLACES ? over(lines, x) : celled(lines, range ?? [x[0] ?? 0, x.at(-1) ?? 1]);
}

/** @param {number[]} one @param {number[]} other */
function isSame(one, other) {
  return one === other || (one.length === other.length && one.every((at, place) => at === other[place]));
}

/** @param {Drawn[]} lines */
function union(lines) {
  const all = new Float64Array(lines.reduce((sum, line) => sum + line.x.length, 0));
  let end = 0;
  for (const line of lines) {
    all.set(line.x, end);
    end += line.x.length;
  }
  all.sort();
  /** @type {number[]} */
  const found = [];
  for (const at of all) if (at !== found[found.length - 1]) found.push(at);
  return found;
}

/** @param {Drawn[]} lines @param {number[]} x @returns {Aligned} */
function over(lines, x) {
  const places = new Map(x.map((at, place) => [at, place]));
  const columns = lines.map((line) => {
    const made = empty(x.length);
    line.x.forEach((at, from) => put(made, places.get(at) ?? 0, line, from));
    return made;
  });
  return { x, columns };
}

/** @param {Drawn[]} lines @param {[number, number]} range @returns {Aligned} */
function celled(lines, [low, high]) {
  const width = (high - low) / (PLACES - 1) || 1;
  const x = Array.from({ length: PLACES }, (_, place) => low + place * width);
  const columns = lines.map((line) => {
    const made = empty(PLACES);
    for (let from = 0; from < line.x.length; from++) {
      const place = Math.round(((line.x[from] ?? 0) - low) / width);
      if (place >= 0 && place < PLACES) put(made, place, line, from);
    }
    return made;
  });
  return { x, columns };
}

/** So many places a spread has. */
const SPREAD = 400;

/** Many lines as one: at each place of the axis the median of those that reach there, and from the 5th to the 95th percentile. @param {Drawn[]} lines @param {[number, number] | null} range @returns {Drawn} */
export function spread(lines, range) {
  const own = lines[0]?.x ?? [];
  const ends = lines.filter((line) => line.x.length);
  const [low, high] = range ?? [Math.min(...ends.map((line) => line.x[0] ?? 0)), Math.max(...ends.map((line) => line.x.at(-1) ?? 0))];
  const isOne = own.length <= PLACES && lines.every((line) => isSame(line.x, own));
  const x = isOne ? own : Array.from({ length: low < high ? SPREAD : 1 }, (_, place) => low + ((high - low) * place) / (SPREAD - 1));
  const found = x.map((at) => {
    const values = /** @type {number[]} */ (ends.filter((line) => at >= (line.x[0] ?? 0) && at <= (line.x.at(-1) ?? 0)).map((line) => line.last[nearest(line.x, at)]).filter((value) => typeof value === "number"));
    values.sort((one, other) => one - other);
    return [0.5, 0.05, 0.95].map((share) => quantile(values, share));
  });
  const column = (/** @type {number} */ which) => found.map((row) => row[which] ?? null);
  return { x, last: column(0), min: column(1), max: column(2), bad: x.map(() => 0), odd: x.map(() => ""), badAt: x.map(() => null) };
}

/** Between the two that are nearest. @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? null : low + (high - low) * (at - Math.floor(at));
}

/** @param {number} length */
function empty(length) {
  const column = () => /** @type {Column} */ (new Array(length).fill(undefined));
  return { last: column(), min: column(), max: column() };
}

/** @param {{ last: Column, min: Column, max: Column }} made @param {number} place @param {Drawn} line @param {number} from */
function put(made, place, line, from) {
  const [last, min, max] = [line.last[from] ?? null, line.min[from] ?? null, line.max[from] ?? null];
  if (last !== null || made.last[place] === undefined) made.last[place] = last;
  const [least, most] = [made.min[place], made.max[place]];
  made.min[place] = min === null ? least ?? null : Math.min(min, least ?? min);
  made.max[place] = max === null ? most ?? null : Math.max(max, most ?? max);
}

/** Where a value is looked up: the place of x that is nearest. @param {ArrayLike<number>} x in order @param {number} at */
export function nearest(x, at) {
  let [low, high] = [0, x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - (x[low - 1] ?? 0) <= (x[low] ?? 0) - at ? low - 1 : low;
}

/** What a line does, in words. @param {(number | null | undefined)[]} values */
export function trend(values) {
  const known = /** @type {number[]} */ (values.filter((value) => typeof value === "number"));
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || known.length < 2) return "";
  const [least, most] = [Math.min(...known.slice(0, 5000)), Math.max(...known.slice(0, 5000))];
  const moved = (last - first) / (most - least || 1);
  return moved > 0.1 ? "rises" : moved < -0.1 ? "falls" : "ends about where it began";
}
