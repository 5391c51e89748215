// The lines of a run's log as the server wove them: which of them are here, and what of the end has changed. Nothing here touches the page,
// and nothing decides: what is a record's own print, and what stands where, the server says.

/** @import { Ending, Line, LineNews } from "./types" */

/** What is kept; what is older can be read again. */
const MOST = 20_000;

export class Transcript {
  constructor() {
    /** @type {Line[]} */
    this.lines = [];
    /** The lines that have no end yet. @type {Line[]} */
    this.open = [];
    /** Lines that were here until they were drawn over, by their ids. @type {Set<string>} */
    this.away = new Set();
  }

  /**
   * Adds what came: how many lines at the end it takes away, and how many at the beginning are too many now.
   * @param {LineNews} news @returns {{ taken: Line[], came: Line[], forgotten: Line[] }}
   */
  add(news) {
    this.redraw(news.gone ?? [], news.back ?? []);
    const from = news.skipped ? 0 : this.place(news);
    const taken = this.lines.splice(from);
    this.lines.push(...news.lines);
    this.open = news.open;
    return { taken, came: news.lines, forgotten: this.lines.splice(0, this.lines.length - MOST) };
  }

  /** Takes lines out that are drawn over, and puts those back that were; what is older than all that is here stays away. @param {string[]} gone @param {Line[]} back */
  redraw(gone, back) {
    const away = new Set([...gone, ...back.map((line) => line.id)]);
    if (!away.size) return;
    for (const line of this.lines) if (away.has(line.id)) this.away.add(line.id);
    this.lines = this.lines.filter((line) => !away.has(line.id));
    for (const line of back) {
      const place = this.lines.findIndex((other) => other.time > line.time || (other.time === line.time && isAfter(other, line)));
      if (place || this.away.has(line.id)) this.lines.splice(place < 0 ? this.lines.length : place, 0, line);
    }
  }

  /** Where what came begins. @param {LineNews} news */
  place(news) {
    if (news.first === null) return this.lines.length;
    const told = new Set([news.first, ...news.lines.map((line) => line.id)]);
    const place = this.lines.findIndex((line) => told.has(line.id));
    return place < 0 ? this.lines.length : place;
  }

  /** Replaces everything by a longer end of the log; what came after that was read stays. @param {Ending} ending */
  replace(ending) {
    const read = new Set(ending.lines.map((line) => line.id));
    const last = this.lines.findLastIndex((line) => read.has(line.id));
    this.lines = [...ending.lines, ...this.lines.slice(last + 1)];
  }
}

/** Of one stream: further down? @param {Line} one @param {Line} other */
function isAfter(one, other) {
  return one.stream === other.stream && (one.offset ?? 0) > (other.offset ?? 0);
}
