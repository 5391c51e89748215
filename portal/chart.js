// uPlot behind one door: a line through the last values, a band from least to most, red marks on the axis where a value was no number.
// Nothing else of the page knows uPlot.
import { figure } from "./format.js";

/** @import { Drawn } from "./curve.js" */
/** @typedef {import("uplot")} Plot */

const HEIGHT = 190;
/** Points are drawn as dots where there are few. */
const FEW = 60;
/** Steps are whole numbers. */
const WHOLE = Array.from({ length: 40 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Chart {
  /**
   * @param {HTMLElement} box
   * @param {{ axis: "step" | "time", log: boolean, hover: (place: number | null) => void, zoom: (range: [number, number] | null) => void }} how
   */
  constructor(box, how) {
    this.box = box;
    this.how = how;
    /** @type {Drawn | null} */
    this.data = null;
    /** @type {[number, number] | null} */
    this.range = null;
    /** @type {Plot | null} */
    this.plot = null;
    this.sized = new ResizeObserver(() => this.plot?.setSize({ width: this.width, height: HEIGHT }));
    this.sized.observe(box);
  }

  get width() {
    return Math.max(160, this.box.clientWidth);
  }

  /** @param {Drawn} data @param {[number, number] | null} range */
  draw(data, range) {
    this.data = data;
    this.range = range;
    const columns = /** @type {any} */ ([data.x, data.last, data.min, data.max]);
    if (this.plot) this.plot.setData(columns, true);
    else this.plot = new uPlot(this.options(data), columns, this.box);
  }

  close() {
    this.sized.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  /** @param {Drawn} data @returns {import("uplot").Options} */
  options(data) {
    const [ink, dim, grid, line, band] = ["ink", "dim", "grid", "line", "band"].map(colour);
    const isDense = () => (this.data ?? data).x.length > FEW;
    const axis = { stroke: dim ?? "", grid: { stroke: grid ?? "", width: 1 }, ticks: { stroke: grid ?? "", width: 1 }, font: "11px system-ui" };
    const values = (/** @type {unknown} */ _, /** @type {(number | null)[]} */ splits) => splits.map((at) => (at === null ? "" : short(at, splits)));
    return {
      width: this.width,
      height: HEIGHT,
      legend: { show: false },
      padding: [10, 18, 0, 0],
      cursor: { sync: { key: "run", setSeries: false, filters: { pub: () => true, sub: isMove } }, points: { size: 7, fill: line ?? "" }, drag: { x: true, y: false, setScale: false }, y: false, bind: { dblclick: () => () => (this.how.zoom(null), null) } },
      scales: { x: { time: false, range: () => this.range ?? wide(this.data?.x ?? data.x) }, y: this.how.log ? { distr: 3 } : {} },
      axes: [{ ...axis, values, size: 28, ...(this.how.axis === "step" ? { incrs: WHOLE } : {}) }, { ...axis, values, size: 54 }],
      series: [
        {},
        { stroke: line ?? ink ?? "", width: 1.75, points: { show: () => !isDense(), size: 5, fill: line ?? "" } },
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
      ],
      bands: [{ series: [3, 2], fill: band ?? "" }],
      hooks: {
        draw: [(plot) => this.marks(plot)],
        setCursor: [(plot) => this.how.hover(plot.cursor.idx ?? null)],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
  }

  /** @param {Plot} plot */
  selected(plot) {
    if (plot.select.width < 4) return;
    const range = /** @type {[number, number]} */ ([plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")]);
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.how.zoom(range);
  }

  /** Where a value was no number. @param {Plot} plot */
  marks(plot) {
    const { x, bad } = this.data ?? { x: [], bad: [] };
    if (!bad.some((count) => count > 0)) return;
    const { ctx } = plot;
    const bottom = plot.bbox.top + plot.bbox.height;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.fillStyle = colour("failed");
    for (const [place, count] of bad.entries()) {
      const at = x[place];
      if (!count || at === undefined) continue;
      const left = plot.valToPos(at, "x", true);
      if (left >= plot.bbox.left - 1 && left <= plot.bbox.left + plot.bbox.width + 1) ctx.fillRect(left - ratio, bottom - 9 * ratio, 2 * ratio, 9 * ratio);
    }
    ctx.restore();
  }
}

/** Charts follow one another's pointer; a selection is the chart's own. @param {string} kind */
function isMove(kind) {
  return kind !== "mousedown" && kind !== "mouseup";
}

/** One point has room on both sides. @param {number[]} x in order @returns {[number, number]} */
function wide(x) {
  const [least = 0, most = 1] = [x[0], x.at(-1)];
  return least === most ? [least - 1, most + 1] : [least, most];
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
