// What a chart draws of one series: buckets from the server, then points as they come. Pure but for `load`.

import { ownOf } from "./own.js";
import { bucketsOf, held, isOffline, json } from "./source.js";

/** @import { NewPoints, Series, Value } from "./types" */

const COLUMNS = /** @type {const} */ (["ordinal", "count", "step_min", "step_max", "time_min", "time_max", "min", "max", "first", "last", "nonfinite"]);
/** Behind these, where they are asked for: of a series whose points have epochs. */
const EPOCHS = /** @type {const} */ (["epoch_min", "epoch_max"]);
/** Buckets that are asked for: more than there are pixels would not show. */
export const BUCKETS = 800;
/** With so many more points than buckets since, the buckets are asked for anew. */
const MOST = 3 * BUCKETS;

/** So many buckets with values that are no number are looked into, of so many points at most, for which they are. */
const LOOKED = 12;
const LOOKED_POINTS = 2000;

/** A part of a series: of steps, or of milliseconds since the run began, which are the same for several runs. @typedef {{ from: number, to: number } | { from_age: number, to_age: number }} Span */
/** `badAt`: where the first of them is; `odd`: which of its values are no finite number: any of N (NaN), + and - (infinities); empty where that is not known. */
/** `epoch`: what the points themselves tell, as their lines do; unlike `epochs` of a line, which another series tells. */
/** @typedef {{ ordinal: number, step: number | null, time: number, epoch?: number | null, min: number | null, max: number | null, last: number | null, bad: number, odd: string, count: number, badAt?: Place }} Bucket */
/** Where a point is: the bucket that holds it says only where it ends. @typedef {{ step: number | null, time: number, ordinal: number, epoch?: number | null }} Place */
/** @typedef {{ x: number[], last: (number | null)[], min: (number | null)[], max: (number | null)[], bad: number[], odd: string[], badAt: (number | null)[] }} Drawn */

/** @param {number | undefined} number */
const present = (number) => (number === undefined || Number.isNaN(number) ? null : number);

/** The buckets of GET …/buckets?format=f64. @param {ArrayBuffer} data @param {boolean} withEpochs were these asked for? @returns {{ buckets: Bucket[], end: number }} */
export function unpack(data, withEpochs = false) {
  const all = new Float64Array(data);
  const names = withEpochs ? [...COLUMNS, ...EPOCHS] : COLUMNS;
  const rows = all.length / names.length;
  const column = Object.fromEntries(names.map((name, place) => [name, all.subarray(place * rows, (place + 1) * rows)]));
  const buckets = [];
  for (let row = 0; row < rows; row++) {
    const at = (/** @type {string} */ name) => present(column[name]?.[row]);
    buckets.push({
      ordinal: at("ordinal") ?? 0, odd: "", step: at("step_max"), time: at("time_max") ?? 0, epoch: at("epoch_max"), min: at("min"), max: at("max"), last: at("last"), bad: at("nonfinite") ?? 0, count: at("count") ?? 1,
    });
  }
  return { buckets, end: buckets.reduce((sum, bucket) => sum + bucket.count, 0) };
}

/** @param {Value | undefined} given a point's value */
export function oddOf(given) {
  return ownOf({ NaN: "N", Infinity: "+", "-Infinity": "-" }, String(given)) ?? "";
}

/** @typedef {"step" | "epoch" | "time"} Axis */

/** Is it what a run logs of its epochs: at which step which began, or how much of one was done? @param {Series} series */
export function isEpochs({ name, kind, count }) {
  return /(^|\/)epoch$/i.test(name) && kind !== "text" && count > 1;
}

/** Do its points tell their epochs themselves? @param {Series} series */
export function hasEpochs(series) {
  return typeof series.last_epoch === "number";
}

/**
 * Where buckets lie along the axis of epochs. What is printed is a whole number for all of an epoch's points: these are spread evenly over it,
 * so that the last of epoch 3 lies at 3, as what is printed at its end does. Where the first epoch is 0 they begin at their number instead.
 * @param {Bucket[]} buckets in order @returns {(number | null)[]}
 */
export function spreadEpochs(buckets) {
  const known = buckets.map((bucket) => bucket.epoch ?? null);
  const isFromZero = Math.min(...known.map((epoch) => epoch ?? 1)) < 1;
  /** @type {(number | null)[]} */
  const places = [];
  let before = Number.NaN;
  for (let from = 0; from < known.length; ) {
    const epoch = known[from] ?? null;
    let to = from + 1;
    while (to < known.length && known[to] === epoch) to++;
    const count = to - from;
    const isWhole = epoch !== null && Number.isInteger(epoch);
    const after = known[to] ?? null;
    const room = isWhole && count > 1 ? Math.min(1, (isFromZero ? (after ?? epoch + 1) - epoch : epoch - (Number.isNaN(before) ? epoch - 1 : before)) || 1) : 0;
    for (let place = 0; place < count; place++) {
      places.push(epoch === null ? null : isFromZero ? epoch + (Math.max(0, room) * place) / count : epoch - Math.max(0, room) * (1 - (place + 1) / count));
    }
    before = epoch ?? before;
    from = to;
  }
  return places;
}

/** The ordinal of its last point. @param {Bucket} bucket */
const endOf = ({ ordinal, count }) => ordinal + count - 1;

/** In proportion between two places, and beyond their ends as at these. @param {number[]} x in order @param {number[]} y @param {number} at @returns {number | null} */
function between(x, y, at) {
  let [from, to] = [0, x.length - 1];
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if ((x[middle] ?? 0) <= at) from = middle;
    else to = middle;
  }
  const [low, high, least, most] = [x[from], x[to], y[from], y[to]];
  if (low === undefined || high === undefined || least === undefined || most === undefined) return null;
  return high === low ? least : least + ((most - least) * (at - low)) / (high - low);
}

export class Curve {
  /** @param {string} run @param {Series} series */
  constructor(run, series) {
    this.run = run;
    this.series = series;
    /** @type {Bucket[]} */
    this.buckets = [];
    /** How many points the buckets stand for, from the first on. */
    this.end = 0;
    /** Of the whole series: where an epoch lies. @type {Bucket[] | null} */
    this.whole = null;
    this.isLoaded = false;
    this.age = held.age;
    /** What is being read, and of which range. @type {Promise<void> | null} */
    this.loading = null;
    this.reading = "";
    this.isStepped = false;
    /** Of a series that tells epochs: its points by step. @type {Bucket[] | null} */
    this.epochs = null;
  }

  get key() {
    return keyOf(this.series);
  }

  /** Reads the buckets, all of them or of a span. @param {Span | null} range */
  load(range) {
    if (isOffline && this.isLoaded && this.age === held.age) return Promise.resolve(); // what is in the page is all there is
    const key = JSON.stringify(range);
    if (this.loading && this.reading === key) return this.loading;
    const mine = (this.loading ?? Promise.resolve()).then(() => this.read(range)).finally(() => {
      if (this.loading === mine) this.loading = null;
    });
    this.reading = key;
    this.loading = mine;
    return mine;
  }

  /** @param {Span | null} range */
  async read(range) {
    const query = new URLSearchParams({ name: this.series.name, source: this.series.source, count: String(BUCKETS), format: "f64" });
    for (const [name, value] of Object.entries(range ?? {})) query.set(name, String(value));
    const isAsked = hasEpochs(this.series);
    if (isAsked) query.set("epochs", "1");
    const { buckets, end } = unpack(await bucketsOf(this.run, query), isAsked);
    await this.lookInto(buckets);
    this.buckets = buckets;
    if (!range) this.whole = buckets;
    this.epochs = null;
    this.end = range ? this.series.count : end;
    this.isLoaded = true;
    this.isStepped ||= buckets.some((bucket) => bucket.step !== null);
  }

  /** Asks where the first value that is no number is, and, where these are few, which they are. @param {Bucket[]} buckets */
  async lookInto(buckets) {
    const odd = buckets.filter((bucket) => bucket.bad > 0 && bucket.count <= LOOKED_POINTS);
    const isFew = odd.length <= LOOKED;
    await Promise.all(odd.slice(0, isFew ? LOOKED : 1).map(async (bucket) => {
      const query = new URLSearchParams({ name: this.series.name, source: this.series.source, first: String(bucket.ordinal), limit: String(bucket.count) });
      const found = await json(`/runs/${this.run}/points?${query}`).catch(() => ({ values: [] }));
      const kinds = /** @type {string[]} */ (found.values.map(oddOf));
      const place = kinds.findIndex((kind) => kind);
      if (place >= 0) bucket.badAt = { step: found.steps[place] ?? null, time: found.times[place] ?? 0, ordinal: bucket.ordinal + place, epoch: bucket.epoch ?? null };
      if (isFew) bucket.odd = [...new Set(kinds)].join("");
    }));
  }

  /** Adds what came. False: some of it is missing, so load again. @param {Series} series @param {NewPoints | null} news */
  add(series, news) {
    this.series = { ...series, best: this.series.best ?? null };
    if (!this.isLoaded || series.count === this.end) return true;
    if (!news || news.first > this.end || this.buckets.length > MOST) return false;
    for (let place = this.end - news.first; place < news.values.length; place++) {
      const given = news.values[place];
      const number = typeof given === "number" ? given : typeof given === "boolean" ? Number(given) : null;
      const bad = number === null ? 1 : 0;
      this.buckets.push({ step: news.steps[place] ?? null, time: news.times[place] ?? 0, epoch: news.epochs?.[place] ?? null, min: number, max: number, last: number, bad, odd: oddOf(given), ordinal: news.first + place, count: 1 });
    }
    this.epochs = null;
    this.end = news.first + news.values.length;
    return this.end === series.count;
  }

  /** Has any of its points a step? */
  get hasSteps() {
    return (this.isStepped ||= this.buckets.some((bucket) => bucket.step !== null));
  }

  /** The epoch at a step, in proportion between two points of a series that tells epochs, and beyond its ends as at these. @param {number | null} step */
  epochAt(step) {
    const known = (this.epochs ??= (this.whole ?? this.buckets).filter((bucket) => bucket.step !== null && bucket.last !== null).sort((one, other) => (one.step ?? 0) - (other.step ?? 0)));
    return step === null ? null : between(known.map((one) => one.step ?? 0), known.map((one) => one.last ?? 0), step);
  }

  /** Reads what a range of the axis shows; null: all. @param {Axis} axis @param {[number, number] | null} range @param {number} started milliseconds @param {Curve} [epochs] as in `drawn` */
  async within(axis, range, started, epochs) {
    if (axis === "epoch" && range && !this.whole) await this.load(null);
    return this.load(range && this.span(axis, range, started, epochs));
  }

  /** What of the series lies there; null: all of it. @param {Axis} axis @param {[number, number]} range @param {number} started @param {Curve} [epochs] @returns {Span | null} */
  span(axis, [low, high], started, epochs) {
    if (axis === "step") return this.hasSteps ? { from: low, to: high } : null;
    if (axis === "time") return { from_age: low * 1000, to_age: high * 1000 };
    // The server knows no epochs: from the point before to the one behind it.
    const whole = this.whole ?? [];
    const places = hasEpochs(this.series) ? spreadEpochs(whole) : whole.map(({ step }) => epochs?.epochAt(step) ?? null);
    const [before, after] = [whole[places.findLastIndex((at) => at !== null && at < low)] ?? whole[0], whole[places.findIndex((at) => at !== null && at > high)] ?? whole.at(-1)];
    if (!before || !after) return null;
    const isRising = whole.every(({ step }, place) => step !== null && step >= (whole[place - 1]?.step ?? step));
    return isRising ? { from: before.step ?? 0, to: after.step ?? 0 } : { from_age: before.time - started, to_age: after.time - started };
  }

  /** Of a series that tells its epochs itself, where these buckets lie among all: of a part, nobody could say how far into its epoch it is. @returns {(number | null)[]} */
  placed() {
    const whole = this.whole ?? this.buckets;
    const places = spreadEpochs(whole);
    if (whole === this.buckets) return places;
    const known = whole.flatMap((bucket, place) => (places[place] === null ? [] : [{ end: endOf(bucket), at: places[place] ?? 0 }]));
    const [ends, at] = [known.map((one) => one.end), known.map((one) => one.at)];
    return this.buckets.map((bucket) => between(ends, at, endOf(bucket)));
  }

  /** Columns in the order of x. @param {Axis} axis @param {number} started milliseconds @param {Curve} [epochs] the run's series of epochs, for points that tell none @returns {Drawn} */
  drawn(axis, started, epochs) {
    const own = axis === "epoch" && hasEpochs(this.series) ? this.placed() : null;
    const bySteps = axis === "step" && this.hasSteps;
    const along = (/** @type {Place} */ { step, time, ordinal }) => (axis === "time" ? (time - started) / 1000 : axis === "epoch" ? (epochs?.epochAt(step) ?? null) : bySteps ? step : ordinal);
    const placed = this.buckets.map((bucket, place) => ({ x: own ? own[place] ?? null : along({ ...bucket, ordinal: endOf(bucket) }), bucket }));
    const usable = /** @type {{ x: number, bucket: Bucket }[]} */ (placed.filter((one) => one.x !== null));
    usable.sort((one, other) => one.x - other.x);
    return {
      x: usable.map((one) => one.x),
      last: usable.map((one) => one.bucket.last),
      min: usable.map((one) => one.bucket.min),
      max: usable.map((one) => one.bucket.max),
      bad: usable.map((one) => one.bucket.bad),
      odd: usable.map((one) => one.bucket.odd),
      badAt: usable.map(({ x, bucket }) => (bucket.bad ? (bucket.badAt && !own ? along(bucket.badAt) : null) ?? x : null)),
    };
  }
}

/** @param {Series} series */
export function keyOf(series) {
  return `${series.source}\0${series.name}`;
}
