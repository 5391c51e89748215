// The log as one follows it: lines and records by time, a last line that still changes, filters, and what was before on demand.
// Lines are added to the page one by one; only so many stand in it at once.
import { silent } from "./empty.js";
import { html } from "./html.js";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { queried, setQuery } from "./address.js";
import { bare } from "./ansi.js";
import { useTyped } from "./kept.js";
import { Later } from "./later.js";
import { below, element } from "./log-line.js";
import { Transcript } from "./transcript.js";

/** @import { Ending, Line, LineNews } from "./types" */

const HITS = () => import("./hits.js").then((found) => found.HitList);
const MARKS = () => import("./marks.js");
const MOST_SHOWN = 5_000;
const EARLIER = 1_000;
const AROUND = 600;
const NEAR_END_PX = 24;

/** @typedef {{ stream: "all" | "console" | "log", level: number, text: string }} Filter */

export class LogView {
  /** @param {string} run @param {number | null} attempt null: all */
  constructor(run, attempt) {
    this.run = run;
    this.attempt = attempt;
    this.transcript = new Transcript();
    /** What stands in the page, by the line's id. @type {Map<string, HTMLElement>} */
    this.rows = new Map();
    /** Read when a log is looked at. @type {import("./marks.js").Marks | null} */
    this.marks = null;
    /** @type {Filter} */
    this.filter = { stream: "all", level: 0, text: "" };
    this.fromAddress();
    this.follow = true;
    /** Lines of which the page shows what they were before they were drawn over, by their ids. @type {Set<string>} */
    this.unfolded = new Set(queried("open").split(",").filter((id) => id));
    /** @type {HTMLElement | null} */
    this.box = null;
    this.lines = document.createElement("div");
    this.tail = document.createElement("div");
    this.count = 0;
    /** Told when lines came, or something of the view itself changed. @type {Set<() => void>} */
    this.listeners = new Set();
    /** Is everything here, from the first line on? */
    this.isComplete = false;
    /** Lines around a moment that are shown instead of the end, and that moment in milliseconds; `whole`: nothing is before them. @type {{ lines: Line[], at: number, whole: boolean } | null} */
    this.window = null;
  }

  /** What is shown, before it is filtered. */
  get shown() {
    return this.window ? this.window.lines : this.transcript.lines;
  }

  /** Shows what stands around a moment. @param {number} at milliseconds @param {string} [text] what the line begins with that is meant @param {string} [place] or where it is: ATTEMPT.STREAM.OFFSET, or its id @param {boolean} [push] is it a step that the way back undoes? */
  async goTo(at, text = "", place = "", push = true) {
    const query = new URLSearchParams({ at: String(at), limit: String(AROUND) });
    if (this.attempt !== null) query.set("attempt", String(this.attempt));
    if (/^\d+\.\w+\.\d+$/.test(place)) query.set("line", place);
    const response = await fetch(`/api/v1/runs/${this.run}/lines?${query}`).catch(() => null);
    if (!response?.ok) return;
    const ending = /** @type {Ending} */ (await response.json());
    this.follow = false;
    this.filter = { ...this.filter, text: "", level: 0 };
    this.window = { lines: [...ending.lines, ...ending.open], at, whole: ending.whole };
    const later = this.window.lines.filter((one) => !one.echo && Date.parse(one.time) >= at);
    const line = this.window.lines.find((one) => one.id === place) ?? holding(this.window.lines, place) ?? later.find((one) => one.message.startsWith(text)) ?? later[0];
    setQuery({ at: String(at), line: line?.id ?? place, find: null, level: null }, push);
    this.redraw();
    const row = line && this.rows.get(line.id);
    row?.classList.add("found");
    if (row && this.box) this.box.scrollTop = row.offsetTop - this.box.clientHeight / 2;
    this.onchange();
  }

  /** Calls back when something changed; what it returns ends that. @param {() => void} listener @returns {() => void} */
  listen(listener) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  onchange() {
    for (const listener of this.listeners) listener();
  }

  /** Shows itself there until what it returns is called. @param {HTMLElement} box @returns {() => void} */
  mount(box) {
    this.box = box;
    box.replaceChildren(this.lines, this.tail);
    const scrolled = () => this.scrolled();
    box.addEventListener("scroll", scrolled, { passive: true });
    this.redraw();
    MARKS().then(({ Marks }) => (this.marks ??= new Marks(this)).stir(), () => undefined);
    return () => {
      box.removeEventListener("scroll", scrolled);
      this.box = null;
    };
  }

  /** @param {Ending} ending */
  begin(ending) {
    this.isComplete = ending.whole;
    this.transcript.add({ first: null, lines: ending.lines, open: ending.open, skipped: true });
  }

  /** @param {LineNews} news */
  add(news) {
    if (news.skipped) this.isComplete = false;
    const { taken, came, forgotten } = this.transcript.add(news);
    if (!this.box || this.window) return this.onchange();
    if (news.gone?.length || news.back?.length) return this.redraw();
    for (const line of [...taken, ...forgotten]) {
      if (this.wants(line)) this.count -= 1;
      this.rows.get(line.id)?.remove();
      this.rows.delete(line.id);
    }
    this.append(came);
  }

  /** @param {Partial<Filter>} change */
  choose(change) {
    Object.assign(this.filter, change);
    const { stream, level, text } = this.filter;
    setQuery({ stream: stream === "all" ? null : stream, level: level || null, find: text });
    this.redraw();
  }

  /** The filter that the address names. */
  fromAddress() {
    const stream = STREAMS.find(([name]) => name === queried("stream"))?.[0] ?? "all";
    const level = LEVELS.find(([number]) => String(number) === queried("level"))?.[0] ?? 0;
    this.filter = { stream, level, text: queried("find") };
  }

  redraw() {
    this.lines.replaceChildren();
    this.rows.clear();
    this.count = 0;
    this.append(this.shown);
  }

  /** @param {Line[]} lines */
  append(lines) {
    const wanted = lines.filter((line) => this.wants(line));
    this.count += wanted.length;
    for (const line of wanted.slice(-MOST_SHOWN)) {
      const row = element(line);
      this.rows.set(line.id, row);
      this.fold(line.id, row.querySelector("details"));
      this.marks?.dress(line.id, row);
    }
    this.lines.append(...wanted.slice(-MOST_SHOWN).map((line) => /** @type {HTMLElement} */ (this.rows.get(line.id))));
    for (const [id, row] of this.rows) {
      if (this.rows.size <= MOST_SHOWN) break;
      row.remove();
      this.rows.delete(id);
    }
    this.tail.replaceChildren(...(this.window ? [] : this.transcript.open).filter((line) => this.wants(line)).map(element));
    if (this.follow && this.box) this.box.scrollTop = this.box.scrollHeight;
    this.marks?.stir();
    this.onchange();
  }

  /** What the address says is open is open. @param {string} id @param {HTMLDetailsElement | null} states */
  fold(id, states) {
    if (!states) return;
    states.open = this.unfolded.has(id);
    states.addEventListener("toggle", () => {
      this.unfolded[states.open ? "add" : "delete"](id);
      setQuery({ open: [...this.unfolded].join() });
    });
  }

  /** @param {Line} line */
  wants(line) {
    const { stream, level, text } = this.filter;
    const isRecord = line.stream === "log";
    if (stream === "console" ? isRecord : stream === "log" ? !isRecord : line.echo) return false;
    if (level && (line.levelno ?? -1) < level) return false;
    return !text || matches(text, bare(line.message) + (isRecord ? ` ${line.logger ?? ""} ${below(line)}` : ""));
  }

  scrolled() {
    this.marks?.stir();
    if (!this.box || this.window) return;
    const isAtEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - NEAR_END_PX;
    if (isAtEnd !== this.follow) {
      this.follow = isAtEnd;
      this.onchange();
    }
  }

  toEnd() {
    this.follow = true;
    if (this.window) {
      this.window = null;
      setQuery({ at: null, line: null });
      this.redraw();
    }
    if (this.box) this.box.scrollTop = this.box.scrollHeight;
    this.onchange();
  }

  /** Is there nothing before what is shown? */
  get isFirst() {
    return this.window ? this.window.whole : this.isComplete;
  }

  /** Is the end of what is shown the end of the log, as far as it is here? */
  get isLast() {
    const last = this.window?.lines.at(-1);
    return !last || this.transcript.lines.some((line) => line.id === last.id) || this.transcript.open.some((line) => line.id === last.id);
  }

  /** What stands around a line at the edge of what is shown. @param {Line | undefined} line */
  onwards(line) {
    return line && this.goTo(Date.parse(line.time), "", line.id);
  }

  /** Reads a longer end of the log; the line that was on top stays where it was. Of a long log, or within it, goes on from its first line. */
  async earlier() {
    if (this.window || this.transcript.lines.length + EARLIER > MOST_SHOWN) return this.onwards(this.shown[0]);
    const query = new URLSearchParams({ limit: String(this.transcript.lines.length + EARLIER) });
    if (this.attempt !== null) query.set("attempt", String(this.attempt));
    const response = await fetch(`/api/v1/runs/${this.run}/lines?${query}`);
    if (!response.ok) return;
    const ending = /** @type {Ending} */ (await response.json());
    this.isComplete = ending.whole;
    const height = this.box?.scrollHeight ?? 0;
    this.follow = false;
    this.transcript.replace(ending);
    this.redraw();
    if (this.box) this.box.scrollTop += this.box.scrollHeight - height;
  }
}

/** The line that holds that byte of a stream. @param {Line[]} lines @param {string} place ATTEMPT.STREAM.OFFSET */
function holding(lines, place) {
  const stop = place.lastIndexOf(".") + 1;
  const offset = (/** @type {Line} */ line) => Number(line.id.slice(stop));
  return stop ? lines.findLast((line) => line.id.startsWith(place.slice(0, stop)) && offset(line) <= Number(place.slice(stop))) : undefined;
}

/** @param {string} pattern @param {string} text */
function matches(pattern, text) {
  const expression = /^\/(.+)\/$/.exec(pattern)?.[1];
  if (expression) {
    try {
      return new RegExp(expression, "i").test(text);
    } catch {
      return false;
    }
  }
  return text.toLowerCase().includes(pattern.toLowerCase());
}

const STREAMS = /** @type {const} */ ([["all", "All"], ["console", "Console"], ["log", "Records"]]);
const LEVELS = /** @type {const} */ ([[0, "Every level"], [10, "Debug +"], [20, "Info +"], [30, "Warning +"], [40, "Error +"]]);

/** @param {{ view: LogView, isOver: boolean }} props */
export function Log({ view, isOver }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [, again] = useState(0);
  useLayoutEffect(() => { // its lines are in the first frame that shows it
    const ends = [view.listen(() => again((count) => count + 1))];
    if (box.current) ends.push(view.mount(box.current));
    return () => ends.forEach((end) => end());
  }, [view]);
  const [sought, seek] = useTyped("hits", "");
  const [round, anew] = useState(0);
  const search = () => (seek(view.filter.text), anew(round + 1));
  useEffect(() => {
    const look = () => {
      const at = Number(queried("at"));
      view.fromAddress();
      if (at) view.goTo(at, "", queried("line"), false);
      else if (view.window) view.toEnd();
      else if (view.box) view.redraw(), view.onchange();
    };
    if (Number(queried("at")) && view.window?.at !== Number(queried("at"))) look();
    addEventListener("popstate", look);
    return () => removeEventListener("popstate", look);
  }, [view]);
  const total = view.shown.filter((line) => !line.echo).length;
  const note = view.count === total || view.filter.stream !== "all" ? "" : `${view.count} of ${total} lines`;
  return html`<section aria-label="Log">
    <div class="heading">
      <h2>Log</h2>
      <div class="tools">
        <div class="choice" role="group" aria-label="What is shown">
          ${STREAMS.map(([name, text]) => html`<button type="button" aria-pressed=${view.filter.stream === name} onClick=${() => view.choose({ stream: name })}>${text}</button>`)}
        </div>
        <select aria-label="Level" value=${view.filter.level} onChange=${(/** @type {any} */ event) => view.choose({ level: Number(event.target.value) })}>
          ${LEVELS.map(([level, text]) => html`<option value=${level}>${text}</option>`)}
        </select>
        <input type="search" id="search" value=${view.filter.text} placeholder="Find, or /regex/" aria-label="Find in the log" onInput=${(/** @type {any} */ event) => view.choose({ text: event.target.value })} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && view.filter.text && search()} />
        <button type="button" disabled=${!view.filter.text} onClick=${search} title="In all of the log, not only in what is read of it">Search all</button>
        <label class="slider small"><span>Go to</span> <input type="datetime-local" step="1" aria-label="Go to a time" onChange=${(/** @type {any} */ event) => event.target.value && view.goTo(Date.parse(event.target.value))} /></label>
        <a class="button" href=${`/api/v1/runs/${view.run}/console.txt`} target="_blank" rel="noopener">Raw</a>
      </div>
    </div>
    ${sought && html`<${Later} quiet key=${round} load=${HITS} given=${{ view, text: sought, close: () => seek("") }} />`}
    <div class="card logcard">
      <div class="log" ref=${box} role="log" aria-label="What it logged and printed" tabindex="0"></div>
      ${view.count === 0 && !view.tail.childElementCount && html`<p class="dim over">${total ? "No line fits." : silent(isOver)}</p>`}
      <div class="foot">
        ${!view.isFirst && html`<button type="button" onClick=${() => view.goTo(1)}>To the beginning ↑</button><button type="button" onClick=${() => view.earlier()}>Earlier lines</button>`}
        ${!view.isLast && html`<button type="button" onClick=${() => view.onwards(view.shown.at(-1))}>Later lines</button>`}
        <span class="dim">${note}</span>
        <button type="button" aria-pressed=${view.follow} onClick=${() => view.toEnd()} title="Key: f">${!view.follow || view.window ? (isOver || view.window ? "To the end ↓" : "Follow ↓") : isOver ? "At the end" : "Following"}</button>
      </div>
    </div>
  </section>`;
}
