// A run's log as it happened: console chunks made into lines again, woven with log records by time, and told apart from their own prints.
// The same rules as agent/outrider_agent/cli/transcript.py. Holds a bounded part of a long log; nothing here touches the page.
import { bare, shown } from "./ansi.js";

/** @import { Chunk, LogNews, LogRecord } from "./types" */

/**
 * @typedef {object} Entry
 * @property {number} time
 * @property {"stdout" | "stderr" | "log"} stream
 * @property {string} text
 * @property {boolean} echo the line is the print of a record that stands before it
 * @property {LogRecord} [record]
 */

/** How long after a record its own print may be read. */
const ECHO_MS = 5000;
const REMEMBERED = 256;
const LONGEST_LINE = 1 << 20;
/** What is kept; what is older can be read again. */
const MOST_CHUNKS = 20_000;
const MOST_RECORDS = 20_000;
/** So many entries are put in order again when a record comes after its own print. */
const SOON_WOVEN = 5_000;

const CLOCK = /\d\d:\d\d/;
const MARKS = /\b(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b/i;

/** @param {Chunk} chunk */
function bytes(chunk) {
  if (chunk.base64 !== undefined) return Uint8Array.from(atob(chunk.base64), (char) => char.charCodeAt(0));
  return new TextEncoder().encode(chunk.text ?? "");
}

/** @param {LogRecord} record */
export function below(record) {
  return [record.exception?.traceback, record.stack].filter((part) => part).map((part) => String(part).replace(/\n$/, "")).join("\n");
}

class Partial {
  text = "";
  began = 0;
  expected = 0;
  decoder = new TextDecoder();
}

export class Transcript {
  constructor() {
    /** @type {Chunk[]} */
    this.chunks = [];
    /** @type {LogRecord[]} */
    this.records = [];
    /** @type {Entry[]} */
    this.entries = [];
    this.reset();
  }

  /** Forgets what was made of chunks and records, not these. */
  reset() {
    /** @type {Map<number, Partial>} */
    this.partials = new Map();
    /** @type {{ time: number, first: string, logger: string, following: string[] }[]} */
    this.said = [];
    /** @type {Map<string, string[]>} */
    this.following = new Map();
    this.entries = [];
  }

  /**
   * Adds what came: the entries that it makes. Null: all entries were made anew, for something came that belongs further up.
   * @param {LogNews} news @returns {Entry[] | null}
   */
  add(news) {
    if (news.skipped) {
      this.chunks = [];
      this.records = [];
      this.reset();
    }
    this.chunks.push(...news.console);
    this.records.push(...news.logs);
    this.chunks.splice(0, this.chunks.length - MOST_CHUNKS);
    this.records.splice(0, this.records.length - MOST_RECORDS);
    const last = this.entries.at(-1)?.time ?? 0;
    const first = news.logs.reduce((least, record) => Math.min(least, Date.parse(record.time)), Infinity);
    if (first < last && this.entries.length < SOON_WOVEN) {
      this.reset();
      this.weave(this.records, this.chunks);
      return null;
    }
    const came = this.weave(news.logs, news.console);
    return news.skipped ? null : came;
  }

  /** Adds what was before; everything is made anew. @param {LogRecord[]} logs @param {Chunk[]} chunks */
  prepend(logs, chunks) {
    this.records = [...logs, ...this.records];
    this.chunks = [...chunks, ...this.chunks];
    this.reset();
    this.weave(this.records, this.chunks);
  }

  /** The lines that have no end yet. @returns {Entry[]} */
  rest() {
    const open = [...this.partials].filter(([, partial]) => partial.text);
    return open.map(([fd, partial]) => line(partial.began, fd, partial.text)).sort((one, other) => one.time - other.time);
  }

  /** @param {LogRecord[]} logs @param {Chunk[]} chunks @returns {Entry[]} */
  weave(logs, chunks) {
    /** @type {Entry[]} */
    const found = logs.map((record) => ({ time: Date.parse(record.time), stream: "log", text: record.message, echo: false, record }));
    for (const chunk of chunks) found.push(...this.feed(chunk));
    found.sort((one, other) => one.time - other.time);
    for (const entry of found) {
      if (entry.record) this.remember(entry.time, entry.record);
      else entry.echo = this.isEcho(entry);
    }
    this.entries.push(...found);
    return found;
  }

  /** The lines that a chunk completes. @param {Chunk} chunk @returns {Entry[]} */
  feed(chunk) {
    const partial = this.partials.get(chunk.fd) ?? new Partial();
    this.partials.set(chunk.fd, partial);
    const data = bytes(chunk);
    const lines = [];
    if (chunk.offset !== partial.expected) {
      // A hole: refused bytes, or the beginning was not read.
      if (partial.text) lines.push(this.take(chunk.fd, partial));
      partial.decoder = new TextDecoder();
    }
    partial.expected = chunk.offset + data.length;
    const at = Date.parse(chunk.time);
    const pieces = partial.decoder.decode(data, { stream: true }).split("\n");
    const last = pieces.pop() ?? "";
    for (const piece of pieces) {
      lines.push(line(partial.text ? partial.began : at, chunk.fd, partial.text + piece));
      partial.text = "";
    }
    if (last) {
      if (!partial.text) partial.began = at;
      // Of a bar that rewrites itself only the last state is kept.
      partial.text = last.includes("\r") && last.length > 4096 ? shown(partial.text + last) : partial.text + last;
    }
    if (partial.text.length > LONGEST_LINE) lines.push(this.take(chunk.fd, partial));
    return lines;
  }

  /** @param {number} fd @param {Partial} partial */
  take(fd, partial) {
    const taken = line(partial.began, fd, partial.text);
    partial.text = "";
    return taken;
  }

  /** @param {number} time @param {LogRecord} record */
  remember(time, record) {
    const [first = "", ...more] = record.message.split("\n");
    if (!first.trim()) return;
    const appended = below(record);
    const following = [...more, ...(appended ? appended.split("\n") : [])];
    this.said.push({ time, first: first.trimEnd(), logger: record.logger || "root", following });
    if (this.said.length > REMEMBERED) this.said.shift();
  }

  /** @param {Entry} entry */
  isEcho(entry) {
    const plain = bare(shown(entry.text)).trimEnd();
    const following = this.following.get(entry.stream);
    if (following?.length) {
      if (plain === following[0]?.trimEnd()) {
        following.shift();
        return true;
      }
      following.length = 0;
    }
    const place = this.said.findIndex((said) => entry.time >= said.time && entry.time - said.time <= ECHO_MS && isPrintOf(plain, said));
    if (place < 0) return false;
    const [said] = this.said.splice(place, 1);
    this.following.set(entry.stream, [...(said?.following ?? [])]);
    return true;
  }
}

/** @param {string} plain @param {{ first: string, logger: string }} said */
function isPrintOf(plain, said) {
  if (plain === said.first) return true;
  if (!plain.endsWith(said.first)) return false;
  const prefix = plain.slice(0, -said.first.length);
  return prefix.includes(said.logger) || CLOCK.test(prefix) || MARKS.test(prefix);
}

/** @param {number} time @param {number} fd @param {string} text @returns {Entry} */
function line(time, fd, text) {
  return { time, stream: fd === 2 ? "stderr" : "stdout", text, echo: false };
}
