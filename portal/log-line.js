// A line of the log as an element of the page: a record with its level, metrics and traceback, or a line of the console with its colours.
import { shown, write } from "./ansi.js";
import { clock, figure, plain, value } from "./format.js";

/** @import { Line } from "./types" */

/** What a log formatter prints under the message. @param {Line} line */
export function below(line) {
  return [line.exception?.traceback, line.stack].filter((part) => part).map((part) => String(part).replace(/\n$/, "")).join("\n");
}

/** @param {Line} line */
export function element(line) {
  const row = document.createElement("div");
  const at = document.createElement("time");
  at.textContent = clock(Date.parse(line.time));
  const words = document.createElement("span");
  words.className = "words";
  row.append(at, words);
  if (line.stream !== "log") {
    row.className = `line ${line.stream}`;
    write(words, shown(line.message));
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

/** @param {Line} line */
function figures(line) {
  const note = document.createElement("i");
  const parts = Object.entries(line.metrics ?? {}).map(([name, given]) => `${plain(name)}=${value(given)}`);
  if (line.step !== undefined) parts.push(`step=${figure(line.step)}`);
  note.textContent = `  ${parts.join(" ")}`;
  return note;
}
