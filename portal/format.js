// Values as people read them; the same words as the command line's (agent/outrider_agent/cli/format.py). Pure.

/** @import { Value } from "./types" */

/** A metric's value, or a tag's, in few characters. @param {Value | undefined} given */
export function value(given) {
  if (given === null || given === undefined) return "-";
  if (typeof given === "number") return figure(given);
  if (typeof given === "string") return shorten(plain(given));
  return shorten(plain(JSON.stringify(given)));
}

/** Is it itself? A whole number beyond 2^53 came here rounded. @param {number} given */
export function isExact(given) {
  return !Number.isInteger(given) || Number.isSafeInteger(given);
}

/** Six digits. @param {number} given */
export function figure(given) {
  if (Number.isInteger(given) && Math.abs(given) < 1e15) return String(given);
  const size = Math.abs(given);
  const text = size < 1e-4 || size >= 1e6 ? given.toExponential(5) : given.toPrecision(6);
  return text.includes("e") ? text.replace(/\.?0+e/, "e").replace(/(?<=e[+-])(?=\d$)/, "0") : text.replace(/\.?0+$/, "");
}

/** @param {string} text @param {number} [limit] */
export function shorten(text, limit = 60) {
  return text.length <= limit ? text : text.slice(0, limit - 1) + "…";
}

/** Without its middle: names that begin alike stay apart. @param {string} text @param {number} most */
export function clipped(text, most) {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`;
}

// C0 but for tab and newline, DEL, C1, the separators, bidirectional overrides, lone surrogates.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** With every control character spelled out: it cannot turn the text around it. @param {string} text */
export function safe(text) {
  return text.replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Safe, on one line. @param {string} text */
export function plain(text) {
  return safe(text.replaceAll("\n", "\\n").replaceAll("\t", " "));
}

/** @param {number} count */
export function size(count) {
  if (count < 1024) return `${count} B`;
  let amount = count;
  for (const unit of ["KiB", "MiB", "GiB", "TiB"]) {
    amount /= 1024;
    if (amount < 1023.95) return `${amount.toFixed(1)} ${unit}`;
  }
  return `${(amount / 1024).toFixed(1)} PiB`;
}

/** Its two largest units. @param {number} seconds @returns {string} */
export function duration(seconds) {
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`;
}

/** How long ago, roughly. @param {number} time milliseconds @param {number} now */
export function ago(time, now) {
  const seconds = (now - time) / 1000;
  if (Math.abs(seconds) < 2) return "just now";
  const [count, unit] = roughly(Math.abs(seconds));
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** @param {number} seconds @returns {[number, string]} */
function roughly(seconds) {
  const days = Math.floor(seconds / 86400);
  if (seconds < 60) return [Math.floor(seconds), "second"];
  if (seconds < 3600) return [Math.floor(seconds / 60), "minute"];
  if (seconds < 86400) return [Math.floor(seconds / 3600), "hour"];
  if (days < 30) return [days, "day"];
  if (days < 365) return [Math.floor(days / 30), "month"];
  return [Math.floor(days / 365), "year"];
}

/** "2,000". By hand: a browser takes longer to load its languages than to draw a list. @param {number} count a whole number */
export function grouped(count) {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Date and time where the reader is, as the server spells them. @param {number | string} time milliseconds, or ISO 8601 */
export function local(time) {
  const at = new Date(time);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** "1 row", "2,000 rows". @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Hours to milliseconds. @param {number} time milliseconds */
export function clock(time) {
  const at = new Date(time);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** A command as a shell would take it. @param {string[]} words */
export function commandLine(words) {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(" ");
}
