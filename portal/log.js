// The log as one follows it: lines and records by time, a last line that still changes, filters, and what was before on demand.
// Lines are added to the page one by one; only so many stand in it at once.
import { html } from "./html.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { bare, shown, write } from "./ansi.js";
import { clock, figure, plain, value } from "./format.js";
import { Transcript, below } from "./transcript.js";

/** @import { Chunk, LogNews, LogRecord } from "./types" */
/** @import { Entry } from "./transcript.js" */

const MOST_SHOWN = 5_000;
const EARLIER = 1_000;
const NEAR_END_PX = 24;

/** @typedef {{ stream: "all" | "console" | "log", level: number, text: string }} Filter */

export class LogView {
  /** @param {string} run */
  constructor(run) {
    this.run = run;
    this.transcript = new Transcript();
    /** @type {Filter} */
    this.filter = { stream: "all", level: 0, text: "" };
    this.follow = true;
    /** @type {HTMLElement | null} */
    this.box = null;
    this.lines = document.createElement("div");
    this.tail = document.createElement("div");
    this.count = 0;
    /** Told when something of the view itself changes. */
    this.onchange = () => {};
    /** Is everything here, from the first line on? */
    this.isComplete = false;
  }

  /** @param {HTMLElement} box */
  mount(box) {
    this.box = box;
    box.replaceChildren(this.lines, this.tail);
    box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.redraw();
  }

  /** @param {LogNews} news */
  add(news) {
    if (news.skipped) this.isComplete = false;
    const came = this.transcript.add(news);
    if (!this.box) return;
    if (came) this.append(came);
    else this.redraw();
  }

  /** @param {Partial<Filter>} change */
  choose(change) {
    Object.assign(this.filter, change);
    this.redraw();
  }

  redraw() {
    this.lines.replaceChildren();
    this.count = 0;
    this.append(this.transcript.entries);
  }

  /** @param {Entry[]} entries */
  append(entries) {
    const wanted = entries.filter((entry) => this.wants(entry));
    this.count += wanted.length;
    this.lines.append(...wanted.slice(-MOST_SHOWN).map(element));
    while (this.lines.childElementCount > MOST_SHOWN) this.lines.firstElementChild?.remove();
    this.tail.replaceChildren(...this.transcript.rest().filter((entry) => this.wants(entry)).map(element));
    if (this.follow && this.box) this.box.scrollTop = this.box.scrollHeight;
    this.onchange();
  }

  /** @param {Entry} entry */
  wants(entry) {
    const { stream, level, text } = this.filter;
    if (stream === "console" ? entry.record : stream === "log" ? !entry.record : entry.echo) return false;
    if (level && (!entry.record || entry.record.levelno < level)) return false;
    return !text || matches(text, bare(entry.text) + (entry.record ? ` ${entry.record.logger ?? ""} ${below(entry.record)}` : ""));
  }

  scrolled() {
    if (!this.box) return;
    const isAtEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - NEAR_END_PX;
    if (isAtEnd !== this.follow) {
      this.follow = isAtEnd;
      this.onchange();
    }
  }

  toEnd() {
    this.follow = true;
    if (this.box) this.box.scrollTop = this.box.scrollHeight;
    this.onchange();
  }

  /** Reads what was before what is here; the line that was on top stays where it was. */
  async earlier() {
    const { records, chunks } = this.transcript;
    const [logs, console] = await Promise.all([
      /** @type {Promise<LogRecord[]>} */ (this.read("logs", records[0]?.key)),
      /** @type {Promise<Chunk[]>} */ (this.read("console", chunks[0]?.key)),
    ]);
    this.isComplete = logs.length < EARLIER && console.length < EARLIER;
    const height = this.box?.scrollHeight ?? 0;
    this.follow = false;
    this.transcript.prepend(logs, console);
    this.redraw();
    if (this.box) this.box.scrollTop += this.box.scrollHeight - height;
  }

  /** @param {"logs" | "console"} what @param {number | undefined} before */
  async read(what, before) {
    if (before === undefined) return [];
    const response = await fetch(`/api/v1/runs/${this.run}/${what}?before=${before}&limit=${EARLIER}`);
    return response.ok ? response.json() : [];
  }
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

/** @param {Entry} entry */
function element(entry) {
  const row = document.createElement("div");
  const at = document.createElement("time");
  at.textContent = clock(entry.time);
  const words = document.createElement("span");
  words.className = "words";
  row.append(at, words);
  const record = entry.record;
  if (!record) {
    row.className = `line ${entry.stream}`;
    write(words, shown(entry.text));
    return row;
  }
  row.className = `line log-${record.levelno >= 40 ? "error" : record.levelno >= 30 ? "warning" : record.levelno >= 20 ? "info" : "debug"}`;
  const level = document.createElement("b");
  level.textContent = record.level;
  words.append(level, " ");
  write(words, record.message);
  if (record.metrics) words.append(figures(record));
  const more = below(record);
  if (more) {
    const trace = document.createElement("div");
    trace.className = "trace";
    write(trace, more);
    words.append(trace);
  }
  return row;
}

/** @param {LogRecord} record */
function figures(record) {
  const note = document.createElement("i");
  const parts = Object.entries(record.metrics ?? {}).map(([name, given]) => `${plain(name)}=${value(given)}`);
  if (record.step !== undefined) parts.push(`step=${figure(record.step)}`);
  note.textContent = `  ${parts.join(" ")}`;
  return note;
}

const STREAMS = /** @type {const} */ ([["all", "All"], ["console", "Console"], ["log", "Records"]]);
const LEVELS = /** @type {const} */ ([[0, "Every level"], [10, "Debug +"], [20, "Info +"], [30, "Warning +"], [40, "Error +"]]);

/** @param {{ view: LogView }} props */
export function Log({ view }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [, again] = useState(0);
  useEffect(() => {
    view.onchange = () => again((count) => count + 1);
    if (box.current) view.mount(box.current);
  }, [view]);
  const total = view.transcript.entries.filter((entry) => !entry.echo).length;
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
        <input type="search" id="search" placeholder="Find, or /regex/" aria-label="Find in the log" onInput=${(/** @type {any} */ event) => view.choose({ text: event.target.value })} />
        <a class="button" href=${`/api/v1/runs/${view.run}/console.txt`} target="_blank" rel="noopener">Raw</a>
      </div>
    </div>
    <div class="card logcard">
      <div class="log" ref=${box} role="log" aria-label="What it logged and printed" tabindex="0"></div>
      ${view.count === 0 && !view.tail.childElementCount && html`<p class="dim over">${total ? "No line fits." : "Nothing was logged or printed yet."}</p>`}
      <div class="foot">
        ${!view.isComplete && html`<button type="button" onClick=${() => view.earlier()}>Earlier lines</button>`}
        <span class="dim">${note}</span>
        <button type="button" aria-pressed=${view.follow} onClick=${() => view.toEnd()} title="Key: f">${view.follow ? "Following" : "Follow ↓"}</button>
      </div>
    </div>
  </section>`;
}
