// The runs of a list: which are asked for (the address says it), those that have been read, and what is done with those chosen.
import { computed, signal } from "@preact/signals";
import { queried, setQuery } from "./address.js";
import { parts, put, without } from "./hash.js";
import { queriesFor, spelled } from "./ticked.js";

/** @import { ListStart, Run, RunPage } from "./types" */

/** Rows that are read at once, and kept. */
export const PAGE = 50;
const MOST_PAGES = 80;
const SPARK_RUNS = 50;
/** Characters of a query at most: servers take a line of 8 KiB, and an id may have 256. */
const ADDRESS = 6000;
/** After so long without a step the list is at rest. */
const REST_MS = 120;
const WANTED = /** @type {const} */ (["experiment", "status", "query", "text", "parent", "deleted", "sort", "order"]);
/** Columns that are no metric, parameter or tag. */
export const PLAIN = /** @type {const} */ (["status", "started", "duration", "experiment", "user", "host"]);

/** Behind the # of the address: which runs are chosen. */
const TICKED = "ticked";
/** Rows that one request gives at most. */
const MOST_ROWS = 500;

/** @typedef {{ run: Run, undo: boolean }} Row */

export class Runs {
  /** @param {ListStart} start */
  constructor(start) {
    this.defaults = start.columns;
    this.total = signal(start.page.total);
    this.statuses = signal(start.page.statuses);
    this.columns = signal(/** @type {string[]} */ ([]));
    /** Pages of rows by their number. @type {import("@preact/signals").Signal<Map<number, Run[]>>} */
    this.pages = signal(new Map());
    /** By run and metric. @type {import("@preact/signals").Signal<Map<string, Record<string, (number | null)[]>>>} */
    this.sparks = signal(new Map());
    this.chosen = signal(/** @type {Map<string, Run>} */ (new Map()));
    this.wrong = signal(/** @type {{ error: string, at?: number } | null} */ (start.wrong));
    this.version = 0;
    /** What is on the screen: the first row and the one after the last. @type {[number, number]} */
    this.seen = [0, PAGE];
    this.reading = new Map();
    /** Pages whose sparklines were asked for. @type {WeakSet<Run[]>} */
    this.drawn = new WeakSet();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.rest = undefined;
    this.isDeleted = signal(false);
    this.sort = signal("started");
    this.down = signal(true);
    /** Where a range of choices begins. */
    this.anchor = -1;
    this.count = computed(() => this.chosen.value.size);
    /** While those are read that the address says are chosen. @type {Promise<void> | null} */
    this.recalling = null;
    this.fromAddress();
    if (start.page.runs.length === Math.min(PAGE, start.page.total)) this.pages.value = new Map([[0, start.page.runs]]);
  }

  /** What the address asks for. */
  fromAddress() {
    const columns = queried("cols");
    this.columns.value = columns ? columns.split(",").map(decodeURIComponent) : this.defaults;
    this.isDeleted.value = queried("deleted") === "1";
    this.sort.value = queried("sort", "started");
    this.down.value = queried("order", "down") === "down";
  }

  get metrics() {
    return this.columns.peek().filter((name) => name.startsWith("metrics.")).map((name) => name.slice(8));
  }

  /** The parameters of GET /runs. */
  asked() {
    const query = new URLSearchParams();
    for (const name of WANTED) if (queried(name)) query.set(name, queried(name));
    for (const name of this.metrics) query.append("metric", name);
    if (!this.metrics.length) query.append("metric", "");
    return query;
  }

  /** Asks for other runs, or another order. @param {import("./address.js").Query} change @param {boolean} [push] */
  want(change, push = true) {
    setQuery(change, push);
    this.fromAddress();
    return this.refresh(true);
  }

  /** @param {string[]} columns */
  show(columns) {
    const isDefault = columns.join() === this.defaults.join();
    setQuery({ cols: isDefault ? null : columns.map(encodeURIComponent).join(",") });
    const before = this.metrics.join("\0");
    this.columns.value = columns;
    if (this.metrics.join("\0") !== before) this.refresh(false);
  }

  /** What is seen is read again; the rest when it is. With `anew` nothing of before stands. @param {boolean} anew */
  async refresh(anew) {
    this.version += 1;
    this.reading.clear();
    const [first, last] = anew ? [0, PAGE] : this.seen;
    /** @type {number[]} */
    const wanted = [];
    for (let number = Math.floor(first / PAGE); number * PAGE < last; number++) wanted.push(number);
    const version = this.version;
    const found = await Promise.all(wanted.map((number) => this.fetched(number)));
    if (version !== this.version || found.some((page) => page === null)) return;
    this.pages.value = new Map(found.map((page, place) => [wanted[place] ?? 0, page ?? []]));
    for (const page of found) this.readSparks(page ?? []);
  }

  /** Rows from one on, as far as they are known; what is missing is read. @param {number} first @param {number} last */
  see(first, last) {
    this.seen = [first, last];
    this.drawSoon();
    for (let number = Math.floor(first / PAGE); number * PAGE < Math.min(last, this.total.peek()); number++) {
      if (!this.pages.peek().has(number) && !this.reading.has(number)) this.read(number);
    }
  }

  /** @param {number} number */
  async read(number) {
    const version = this.version;
    this.reading.set(number, true);
    const runs = await this.fetched(number);
    this.reading.delete(number);
    if (runs === null || version !== this.version) return;
    const pages = new Map(this.pages.peek());
    pages.set(number, runs);
    for (const old of pages.keys()) if (pages.size > MOST_PAGES && old !== number) pages.delete(old);
    this.pages.value = pages;
    this.drawSoon();
  }

  /** What is scrolled past needs no sparklines: they are read of what is seen when the list is at rest. */
  drawSoon() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      const [first, last] = this.seen;
      for (let number = Math.floor(first / PAGE); number * PAGE < last; number++) {
        const runs = this.pages.peek().get(number);
        if (runs && !this.drawn.has(runs)) this.readSparks(runs);
      }
    }, REST_MS);
  }

  /** A page of rows; null where it cannot be had. @param {number} number @returns {Promise<Run[] | null>} */
  async fetched(number) {
    const query = this.asked();
    query.set("limit", String(PAGE));
    query.set("offset", String(number * PAGE));
    const response = await fetch(`/api/v1/runs?${query}`).catch(() => null);
    if (!response?.ok) {
      this.wrong.value = response ? await response.json() : { error: "The agent does not answer; on the machine: outrider ui" };
      return null;
    }
    const page = /** @type {RunPage} */ (await response.json());
    this.wrong.value = null;
    this.total.value = page.total;
    this.statuses.value = page.statuses;
    return page.runs;
  }

  /** @param {Run[]} runs */
  async readSparks(runs) {
    this.drawn.add(runs);
    if (!this.metrics.length) return;
    const names = new URLSearchParams(this.metrics.map((name) => ["metric", name]));
    for (let place = 0; place < runs.length; ) {
      const query = new URLSearchParams(names);
      for (let length = String(names).length, count = 0; place < runs.length && count < SPARK_RUNS; place++, count++) {
        const id = runs[place]?.run_id ?? "";
        length += id.length + 5;
        if (count && length > ADDRESS) break;
        query.append("run", id);
      }
      const response = await fetch(`/api/v1/sparklines?${query}`).catch(() => null);
      if (!response?.ok) return;
      const found = Object.entries(await response.json());
      this.sparks.value = new Map([...this.sparks.peek(), ...found].slice(-MOST_PAGES * PAGE));
    }
  }

  /** @param {number} place */
  row(place) {
    return this.pages.value.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  /** @param {Run[]} runs @param {boolean} isChosen */
  choose(runs, isChosen) {
    if (this.recalling) return void this.recalling.then(() => this.choose(runs, isChosen));
    const chosen = new Map(this.chosen.peek());
    for (const run of runs) isChosen ? chosen.set(run.run_id, run) : chosen.delete(run.run_id);
    this.chosen.value = chosen;
    const text = spelled(chosen.values());
    put([...without(TICKED), ...(text ? [`${TICKED}=${text}`] : [])]);
  }

  /** Chooses those that the address says. One that is not there any more is not chosen. */
  recall() {
    const text = parts().find((part) => part.startsWith(`${TICKED}=`))?.slice(TICKED.length + 1) ?? "";
    if (text === spelled(this.chosen.peek().values())) return;
    this.recalling = this.found(queriesFor(text)).then((found) => {
      this.recalling = null;
      if (found) this.chosen.value = found;
    });
  }

  /** The runs that some queries find; null where they cannot be had. @param {string[]} queries @returns {Promise<Map<string, Run> | null>} */
  async found(queries) {
    const found = new Map();
    for (const query of queries) {
      for (let offset = 0, total = 1; offset < total; offset += MOST_ROWS) {
        const asked = new URLSearchParams({ query, metric: "", limit: String(MOST_ROWS), offset: String(offset), deleted: this.isDeleted.peek() ? "1" : "" });
        const response = await fetch(`/api/v1/runs?${asked}`).catch(() => null);
        if (!response?.ok) return null;
        const page = /** @type {RunPage} */ (await response.json());
        total = page.total;
        for (const run of page.runs) found.set(run.run_id, run);
      }
    }
    return found;
  }

  /**
   * Does something with each of these runs; the sentence of the first that was refused, or "".
   * @param {string[]} runs @param {string} method @param {string} what after the run's address @param {object} [body]
   */
  async each(runs, method, what, body) {
    let wrong = "";
    for (const run of runs) {
      const response = await fetch(`/api/v1/runs/${run}${what}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) }).catch(() => null);
      if (!response?.ok) wrong ||= response ? (await response.json()).error : "The agent does not answer; nothing was changed.";
    }
    await this.refresh(false);
    return wrong;
  }
}
