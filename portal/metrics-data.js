// What is known of a run's metrics, and what came of them since: what charts, counts and tables are made of.
import { computed, signal } from "@preact/signals";
import { Look } from "./chart-look.js";
import { Curve, hasEpochs, isEpochs, keyOf } from "./curve.js";

/** @import { Series, SeriesNews } from "./types" */

export class Metrics {
  /** @param {string} run @param {Series[]} series */
  constructor(run, series) {
    this.run = run;
    this.curves = signal(/** @type {Map<string, Curve>} */ (new Map()));
    this.look = new Look();
    this.search = signal("");
    /** Which curve moved: its key, and the count of all changes. */
    this.moved = signal(/** @type {Map<string, number>} */ (new Map()));
    this.shown = computed(() => [...this.curves.value.values()].filter((curve) => curve.series.name.toLowerCase().includes(this.search.value.toLowerCase())));
    this.learn(series);
  }

  /** The series that tells the run's epochs. */
  get epochs() {
    return [...this.curves.value.values()].find((curve) => isEpochs(curve.series));
  }

  /** Is there an axis of epochs? */
  get hasEpochs() {
    return this.epochs !== undefined || [...this.curves.value.values()].some((curve) => hasEpochs(curve.series));
  }

  /** @param {Series[]} series */
  learn(series) {
    const known = new Map(this.curves.peek());
    const before = known.size;
    for (const one of series) if (!known.has(keyOf(one))) known.set(keyOf(one), new Curve(this.run, one));
    if (known.size !== before) this.curves.value = known;
  }

  /** @param {SeriesNews[]} news */
  add(news) {
    this.learn(news);
    const moved = new Map(this.moved.peek());
    for (const { new: points, ...series } of news) {
      const curve = this.curves.peek().get(keyOf(series));
      if (!curve) continue;
      // A zoomed chart stands still: what comes is outside of it, or is read with the next zoom.
      const isWhole = this.look.range.peek() ? ((curve.series = { ...series, best: curve.series.best ?? null }), true) : curve.add(series, points);
      if (!isWhole) curve.load(null).then(() => this.touch(curve.key));
      moved.set(curve.key, (moved.get(curve.key) ?? 0) + 1);
    }
    this.moved.value = moved;
  }

  /** @param {string} key */
  touch(key) {
    this.moved.value = new Map(this.moved.peek()).set(key, (this.moved.peek().get(key) ?? 0) + 1);
  }
}
