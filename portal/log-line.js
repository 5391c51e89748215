// A line of the log as an element of the page: a record with its level, metrics and traceback, or a line of the console with its colours.
import { shown, states, write } from "./ansi.js";
import { clock, figure, plain, plural, value } from "./format.js";

/** Of a bar no more are shown. */
const MOST_STATES = 2_000;

/** @import { Line } from "./types" */

/** What a log formatter prints under the message. @param {Line} line */
export function below(line) {
  return [line.exception?.traceback, line.stack].filter((part) => part).map((part) => String(part).replace(/\n$/, "")).join("\n");
}

/** @param {Line} line */
export function element(line) {
  const row = document.createElement("div");
  row.dataset.line = line.id;
  const at = document.createElement("time");
  at.textContent = clock(Date.parse(line.time));
  const words = document.createElement("span");
  words.className = "words";
  row.append(at, words);
  if (line.stream !== "log") {
    row.className = `line ${line.stream}`;
    write(words, shown(line.message));
    const before = states(line.message).slice(0, -1);
    if (before.length) words.append(" ", folded(before));
    return row;
  }
  const number = line.levelno ?? 0;
  row.className = `line log-${number >= 40 ? "error" : number >= 30 ? "warning" : number >= 20 ? "info" : "debug"}`;
  const level = document.createElement("b");
  level.textContent = line.level;
  words.append(level, " ");
  write(words, line.message);
  if (line.metrics) words.append(figures(line));
  const more = below(line);
  if (more) {
    const trace = document.createElement("div");
    trace.className = "trace";
    write(trace, more);
    words.append(trace);
  }
  return row;
}

/** What a bar showed before its last state: shown when it is asked for. @param {string[]} before */
function folded(before) {
  const all = document.createElement("details");
  const title = document.createElement("summary");
  title.textContent = plural(before.length, "earlier state");
  all.className = "states";
  all.append(title);
  all.addEventListener("toggle", () => {
    if (all.childElementCount > 1) return;
    for (const state of before.slice(-MOST_STATES)) {
      const one = document.createElement("div");
      write(one, state);
      all.append(one);
    }
  });
  return all;
}

/** @param {Line} line */
function figures(line) {
  const note = document.createElement("i");
  const parts = Object.entries(line.metrics ?? {}).map(([name, given]) => `${plain(name)}=${value(given)}`);
  if (line.step !== undefined) parts.push(`step=${figure(line.step)}`);
  note.textContent = `  ${parts.join(" ")}`;
  return note;
}
