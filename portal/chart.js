// uPlot behind one door: lines through last values, bands from least to most, marks on the axis where a value was no number, over one axis.
// Nothing else of the page knows uPlot.
import { figure } from "./format.js";
import { aligned, nearest, smoothed } from "./lines.js";
import { colourOf, dashOf, token } from "./palette.js";

/** @import { Drawn } from "./curve.js" */
/** @import { Aligned, Column } from "./lines.js" */
/** @import { Range } from "./chart-look.js" */
/** @typedef {import("uplot")} Plot */
/** What is drawn as one line. `place`: its colour; `isSpread`: a median, and percentiles for the least and the most. @typedef {{ label: string, place: number, drawn: Drawn, isSpread?: boolean }} Line */
/**
 * `whole`: what stands along the axis are whole numbers. `sync`: charts of one such name follow one another's pointer.
 * @typedef {{ whole?: boolean, log: boolean, logX?: boolean, smooth?: number, sync?: string }} Scales
 */
/** @typedef {{ at: number, rows: { line: Line, value: number | null, least: number | null, most: number | null }[], near: Line | null, left: number }} Hover */
/** @typedef {{ zoom: (range: Range | null, box: Range | null) => void, hover: (hover: Hover | null) => void, pin: (at: number) => void }} Told */

export const HEIGHT = 190;
/** Points are drawn as dots where there are few. */
const FEW = 60;
/** So many lines have a band each; of more it would be one grey. */
const BANDS = 6;
/** Of so many lines the others fade where the pointer is near one; of more each move would draw all of them anew. */
const FADED = 20;
const CLICK_PX = 4;
/** Steps are whole numbers. */
const WHOLE = Array.from({ length: 60 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));
/** uPlot finds ticks for values of sizes in between; others are drawn in a unit of their own. */
const [SMALL, LARGE] = [1e-9, 1e21];
/** Of the distance between two neighbouring numbers, so many times this lies between two ticks at least: less would not change a number that is added to. */
const ROOM = 64 * Number.EPSILON;

/** @type {Promise<unknown> | null} */
let coming = null;

/** uPlot, asked for when the first chart is seen: a page that shows none, a log, is there sooner without it. */
export function ready() {
  if ("uPlot" in globalThis) return Promise.resolve();
  coming ??= Promise.all([
    added(document.createElement("script"), { src: vendor("uplot.js") }),
    document.querySelector('link[href$="/uplot.css"]') || added(document.createElement("link"), { rel: "stylesheet", href: vendor("uplot.css") }),
  ]);
  return coming;
}

/** @param {string} name */
function vendor(name) {
  return new URL(`./vendor/${name}`, import.meta.url).href;
}

/** Put into the page, and loaded. @param {HTMLElement} element @param {Record<string, string>} given */
function added(element, given) {
  return new Promise((done, failed) => document.head.append(Object.assign(element, given, { onload: done, onerror: failed })));
}

export class Chart {
  /** @param {HTMLElement} box @param {Scales} scales @param {Told} told */
  constructor(box, scales, told) {
    this.box = box;
    this.scales = scales;
    this.told = told;
    /** @type {Line[]} */
    this.lines = [];
    /** @type {Aligned} */
    this.over = { x: [], columns: [] };
    /** @type {Range | null} */
    this.range = null;
    /** @type {Range | null} */
    this.upwards = null;
    /** @type {number | null} */
    this.pinned = null;
    /** @type {Plot | null} */
    this.plot = null;
    this.shape = "";
    /** Upwards is drawn in units of ten to this power. */
    this.power = 0;
    this.sized = new ResizeObserver(() => this.plot?.setSize(this.size));
    this.sized.observe(box);
  }

  get size() {
    return { width: Math.max(160, this.box.clientWidth), height: this.box.clientHeight || HEIGHT };
  }

  /** Draws nothing before uPlot is there. @param {Line[]} lines @param {Range | null} range @param {Range | null} [upwards] */
  draw(lines, range, upwards = null) {
    this.lines = lines;
    this.range = range;
    this.upwards = upwards;
    this.over = aligned(lines.map((line) => this.fit(line.drawn)), range);
    this.power = this.scales.log ? 0 : powerOf(this.over.columns.flatMap(({ min, max }) => [min, max]), upwards);
    if (!("uPlot" in globalThis)) return; // whoever waits for `ready` draws again
    const shape = lines.map((line) => `${line.place}`).join() + (this.hasBands ? "b" : "") + (this.scales.smooth ? "s" : "") + (this.isFar ? "f" : "");
    const columns = /** @type {any} */ (this.columns());
    if (this.plot && shape === this.shape) this.plot.setData(columns, true);
    else {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(), columns, this.box);
    }
    this.shape = shape;
  }

  /** What has a place on a log axis. @param {Drawn} drawn @returns {Drawn} */
  fit(drawn) {
    if (!this.scales.logX || drawn.x.every((at) => at > 0)) return drawn;
    const keep = drawn.x.map((at) => at > 0);
    const kept = (/** @type {any[]} */ column) => column.filter((_, place) => keep[place]);
    return { x: kept(drawn.x), last: kept(drawn.last), min: kept(drawn.min), max: kept(drawn.max), bad: kept(drawn.bad), odd: kept(drawn.odd), badAt: kept(drawn.badAt) };
  }

  /** Are there so few points that each has a dot? */
  get isFew() {
    return this.over.x.length <= FEW;
  }

  get hasBands() {
    return this.lines.length <= BANDS && this.over.columns.some(({ min, max }) => min.some((least, place) => least !== max[place]));
  }

  /** Do values on a log scale lie where uPlot finds no ticks, or further apart? */
  get isFar() {
    if (!this.scales.log) return false;
    const [least, most] = this.upwards ?? reachOf(this.over.columns.flatMap(({ min, max }) => [min, max]));
    return least < SMALL || most >= LARGE;
  }

  /** For uPlot: x, then of each line the smoothed one, its own, and the band's edges. */
  columns() {
    const { x, columns } = this.over;
    const found = /** @type {Column[]} */ ([x]);
    const onLog = (/** @type {Column} */ column) => (this.scales.log ? column.map((value) => (typeof value === "number" && value <= 0 ? null : value)) : column);
    for (const { last, min, max } of columns.map((one) => this.inUnits(one))) {
      found.push(onLog(this.scales.smooth ? this.even(x, last) : last));
      if (this.scales.smooth) found.push(onLog(last));
      if (this.hasBands) found.push(onLog(min), onLog(max));
    }
    return found;
  }

  /** In the unit that is drawn. @param {{ last: Column, min: Column, max: Column }} line */
  inUnits({ last, min, max }) {
    if (!this.power) return { last, min, max };
    const sized = (/** @type {Column} */ column) => column.map((value) => (typeof value === "number" ? times(value, -this.power) : value));
    return { last: sized(last), min: sized(min), max: sized(max) };
  }

  /** @param {number[]} x @param {Column} column */
  even(x, column) {
    const places = column.map((value, place) => (value === undefined ? -1 : place)).filter((place) => place >= 0);
    const made = smoothed(places.map((place) => x[place] ?? 0), places.map((place) => column[place] ?? null), this.scales.smooth ?? 0, this.scales.log);
    const all = /** @type {Column} */ (new Array(column.length).fill(undefined));
    places.forEach((place, from) => (all[place] = made[from]));
    return all;
  }

  close() {
    this.sized.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  /** The columns of uPlot that a line has. */
  get each() {
    return 1 + (this.scales.smooth ? 1 : 0) + (this.hasBands ? 2 : 0);
  }

  /** @returns {import("uplot").Options} */
  options() {
    const [dim, grid] = [token("dim"), token("grid")];
    const axis = { stroke: dim, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "11px system-ui" };
    const values = (/** @type {unknown} */ _, /** @type {(number | null)[]} */ splits) => splits.map((at) => (at === null ? "" : short(at, splits)));
    const upright = (/** @type {unknown} */ _, /** @type {(number | null)[]} */ splits) => splits.map((at) => (at === null ? "" : at && this.power ? `${short(at, splits)}e${this.power}` : short(at, splits)));
    const incrs = this.scales.whole && !this.scales.logX ? { incrs: WHOLE } : {};
    return {
      ...this.size,
      legend: { show: false },
      padding: [10, 18, 0, 0],
      focus: { alpha: this.lines.length > 1 && this.lines.length <= FADED ? 0.35 : 1 },
      cursor: {
        sync: { key: this.scales.sync ?? "run", setSeries: false, scales: ["x", null], filters: { pub: isMove, sub: isMove } },
        points: { show: this.lines.length <= BANDS, size: 7 },
        focus: { prox: this.lines.length > 1 ? 30 : -1 },
        drag: { x: true, y: false, setScale: false },
        y: false,
        bind: {
          dblclick: () => () => (this.told.zoom(null, null), null),
          mousedown: (plot, _, handle) => (/** @type {MouseEvent} */ event) => ((plot.cursor.drag ?? {}).y = event.shiftKey, handle(event), null),
        },
      },
      scales: { x: { time: false, distr: this.scales.logX ? 3 : 1, range: () => (this.scales.logX ? wideLog : wide)(this.range ?? this.over.x) }, y: { ...(this.scales.log ? { distr: 3 } : {}), range: this.upward() } },
      axes: [{ ...axis, values, size: 28, ...incrs }, { ...axis, values: this.isFar ? farValues : upright, size: () => (this.power || this.isFar ? 66 : 54), ...(this.isFar ? { incrs: [Number.MAX_VALUE], splits: decades, filter: (/** @type {unknown} */ _, /** @type {number[]} */ found) => found } : {}) }],
      series: [{}, ...this.lines.flatMap((line) => this.series(line))],
      bands: this.hasBands ? this.lines.map((line, place) => ({ series: /** @type {[number, number]} */ ([place * this.each + this.each, place * this.each + this.each - 1]), fill: colourOf(line.place, 0.18) })) : [],
      hooks: {
        draw: [(plot) => (this.marks(plot), this.pin(plot))],
        setCursor: [(plot) => this.hover(plot)],
        setSelect: [(plot) => this.selected(plot)],
        ready: [(plot) => this.listen(plot)],
      },
    };
  }

  /** What is shown upwards: the box that was drawn, else all. */
  upward() {
    return (/** @type {Plot} */ _, /** @type {number} */ least, /** @type {number} */ most) => /** @type {Range} */ (this.within(least, most));
  }

  /** @param {number} least @param {number} most @returns {number[]} */
  within(least, most) {
    if (this.upwards) return this.upwards.map((at) => times(at, -this.power));
    if (least === null || most === null) return this.scales.log ? [1, 10] : [0, 1];
    return /** @type {number[]} */ (this.scales.log ? uPlot.rangeLog(least, most, 10, false).map((at) => Math.min(Number.MAX_VALUE, at ?? 1)) : uPlot.rangeNum(least, most, 0.1, true));
  }

  /** @param {Line} line @returns {import("uplot").Series[]} */
  series(line) {
    const stroke = colourOf(line.place);
    const dash = dashOf(line.place);
    const none = { stroke: "transparent", points: { show: false } };
    const main = { stroke, width: this.lines.length > 20 ? 1 : 1.75, ...(dash ? { dash } : {}), points: { show: () => this.isFew, size: 5, fill: stroke } };
    const raw = { stroke: colourOf(line.place, 0.25), width: 1, points: { show: false } };
    return [main, ...(this.scales.smooth ? [raw] : []), ...(this.hasBands ? [none, none] : [])];
  }

  /** A click pins, a drag zooms. @param {Plot} plot */
  listen(plot) {
    let from = { x: 0, y: 0 };
    plot.over.addEventListener("mousedown", (event) => (from = { x: event.clientX, y: event.clientY }));
    plot.over.addEventListener("click", (event) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) >= CLICK_PX || event.detail > 1) return;
      const at = this.over.x[plot.cursor.idx ?? -1];
      if (at !== undefined) this.told.pin(at);
    });
  }

  /** @param {Plot} plot */
  selected(plot) {
    const { left, top, width, height } = plot.select;
    if (width < CLICK_PX) return;
    const range = /** @type {Range} */ ([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
    const box = plot.cursor.drag?.y && height >= CLICK_PX ? /** @type {Range} */ ([plot.posToVal(top + height, "y"), plot.posToVal(top, "y")].map((at) => times(at, this.power))) : null;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.told.zoom(range, box);
  }

  /** @param {Plot} plot */
  hover(plot) {
    const place = plot.cursor.idx;
    const left = plot.cursor.left ?? -1;
    // A chart that follows another's pointer has nothing to say of a place that it does not show.
    const isHere = left >= -1 && left <= plot.over.clientWidth + 1;
    if (place === null || place === undefined || !isHere) return this.told.hover(null);
    const near = plot.series.findIndex((series, index) => index > 0 && /** @type {any} */ (series)._focus === true);
    const line = near > 0 && this.lines.length > 1 ? this.lines[Math.floor((near - 1) / this.each)] : null;
    return this.told.hover(this.read(place, line ?? null));
  }

  /** The values at a place of the axis. @param {number} place @param {Line | null} [near] @returns {Hover | null} */
  read(place, near = null) {
    const at = this.over.x[place];
    if (at === undefined || !this.plot) return null;
    const rows = this.lines.map((line) => {
      const own = line.drawn.x;
      const mine = nearest(own, at);
      const isHere = own.length > 0 && Math.abs((own[mine] ?? 0) - at) <= (Math.abs((own.at(-1) ?? 0) - (own[0] ?? 0)) / Math.max(1, own.length - 1)) * 1.01;
      const { last, min, max } = line.drawn;
      return isHere ? { line, value: last[mine] ?? null, least: min[mine] ?? null, most: max[mine] ?? null } : null;
    });
    return { at, rows: /** @type {any} */ (rows.filter((row) => row !== null)), near, left: this.plot.valToPos(at, "x") / (this.plot.over.clientWidth || 1) };
  }

  /** The values there; null where the chart has nothing. @param {number} at */
  readAt(at) {
    const { x } = this.over;
    return at >= (x[0] ?? 0) && at <= (x.at(-1) ?? 0) ? this.read(nearest(x, at)) : null;
  }

  /** Moves the crosshair by places, and all that follow it. @param {number} by */
  step(by) {
    const { plot } = this;
    if (!plot) return;
    const [low, high] = [plot.scales.x?.min ?? 0, plot.scales.x?.max ?? 1];
    const now = plot.cursor.idx ?? (by > 0 ? nearest(this.over.x, low) - 1 : nearest(this.over.x, high) + 1);
    const at = this.over.x[Math.min(this.over.x.length - 1, Math.max(0, now + by))];
    if (at !== undefined) plot.setCursor({ left: plot.valToPos(at, "x"), top: plot.over.clientHeight / 2 }, true);
  }

  /** Where values were no number: a mark on the axis, for infinities a triangle at the edge that they lie beyond. @param {Plot} plot */
  marks(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    const [top, bottom] = [bbox.top, bbox.top + bbox.height];
    ctx.save();
    ctx.fillStyle = token("failed");
    for (const { drawn } of this.lines) {
      for (let place = 0; place < drawn.bad.length; place++) {
        if (!drawn.bad[place]) continue;
        const left = plot.valToPos(drawn.x[place] ?? 0, "x", true);
        if (left < bbox.left - 1 || left > bbox.left + bbox.width + 1) continue;
        const odd = drawn.odd[place] ?? "";
        if (odd.includes("+")) triangle(ctx, left, top, 9 * ratio);
        if (odd.includes("-")) triangle(ctx, left, bottom, -9 * ratio);
        if (odd === "" || odd.includes("N")) ctx.fillRect(left - ratio, bottom - 9 * ratio, 2 * ratio, 9 * ratio);
      }
    }
    ctx.restore();
  }

  /** Where it is read until that is undone. @param {Plot} plot */
  pin(plot) {
    const { ctx, bbox } = plot;
    if (this.pinned === null) return;
    const left = plot.valToPos(this.pinned, "x", true);
    if (left < bbox.left || left > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = token("accent");
    ctx.lineWidth = devicePixelRatio || 1;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}

/** With its tip at the edge. @param {CanvasRenderingContext2D} brush @param {number} x @param {number} edge @param {number} deep downwards */
function triangle(brush, x, edge, deep) {
  const half = Math.abs(deep) / 2;
  brush.beginPath();
  brush.moveTo(x, edge);
  brush.lineTo(x - half, edge + deep);
  brush.lineTo(x + half, edge + deep);
  brush.fill();
}

/** Charts follow one another's pointer; a selection is the chart's own. @param {string} kind */
function isMove(kind) {
  return kind !== "mousedown" && kind !== "mouseup" && kind !== "dblclick";
}

/** One point has room on both sides, and so have neighbours between which no tick has a place. @param {number[]} x in order @returns {Range} */
function wide(x) {
  const [least = 0, most = 1] = [x[0], x.at(-1)];
  const room = Math.max(Math.abs(least), Math.abs(most)) * ROOM;
  if (least === most) return [least - Math.max(1, room), most + Math.max(1, room)];
  return most - least < room ? [least - room, most + room] : [least, most];
}

/** On a log axis. @param {number[]} x in order, above 0 @returns {Range} */
function wideLog(x) {
  const [least = 1, most = 10] = [x[0], x.at(-1)];
  return most / least < 1 + ROOM ? [least / 2, most * 2] : [least, most];
}

/** Of numbers above 0 the least and the most; without any 1. @param {Column[]} columns @returns {Range} */
function reachOf(columns) {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const column of columns) for (const value of column) if (typeof value === "number" && value > 0) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return most ? [least, most] : [1, 1];
}

/** Ticks of a log axis of any length: powers of ten, of few their doubles and fives too. @param {unknown} _ @param {number} __ @param {number} least @param {number} most */
function decades(_, __, least, most) {
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const stride = Math.max(1, Math.ceil((high - low) / 6));
  const found = [];
  for (let power = Math.ceil(low / stride) * stride; power <= high; power += stride) {
    for (const by of high - low < 3 ? [1, 2, 5] : [1]) found.push(Number(`${by}e${power}`));
  }
  return found.filter((at) => at >= least && at <= most);
}

/** @param {unknown} _ @param {number[]} splits */
function farValues(_, splits) {
  return splits.map((at) => at.toExponential(0).replace("e+", "e"));
}

/** The power of ten that values of an unusual size are drawn in; else 0. @param {Column[]} columns @param {Range | null} shown */
function powerOf(columns, shown) {
  let most = 0;
  for (const column of shown ? [shown] : columns) for (const value of column) if (typeof value === "number") most = Math.max(most, Math.abs(value));
  return most === 0 || (most >= SMALL && most < LARGE) ? 0 : Math.floor(Math.log10(most));
}

/** By a power of ten, in two steps: 1e-320 has no inverse. @param {number} value @param {number} power */
function times(value, power) {
  const half = Math.trunc(power / 2);
  return value * 10 ** half * 10 ** (power - half);
}

/** A tick in so many digits that it differs from its neighbours. @param {number} at @param {(number | null)[]} ticks */
function short(at, ticks) {
  const present = ticks.filter((tick) => tick !== null);
  const most = Math.max(...present.map(Math.abs));
  const [first = 0, second = 1] = present;
  const digits = Math.max(0, Math.floor(Math.log10(most || 1)) - Math.floor(Math.log10(Math.abs(second - first) || 1)));
  if (most < 1e6 && most >= 1e-2) return figure(Number(at.toPrecision(digits + 2)));
  return at === 0 ? "0" : at.toExponential(Math.min(digits, 4)).replace("e+", "e");
}
