// Text with ANSI colours as elements. Colours are kept; every other escape sequence and control character is dropped or spelled out.
import { safe } from "./format.js";

// eslint-disable-next-line no-control-regex
const SEQUENCE = /\x1b\[([0-9;:]{0,64})([@-~])|\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|\x1b[@-_]/g;

/** What a line looks like after its carriage returns: its last state. @param {string} text */
export function shown(text) {
  return text.includes("\r") ? (states(text).at(-1) ?? "") : text;
}

/** What a line looked like between its carriage returns, one after the other. @param {string} text */
export function states(text) {
  return text.includes("\r") ? text.split("\r").filter((piece) => piece) : [text];
}

/** The text without any sequence. @param {string} text */
export function bare(text) {
  return text.includes("\x1b") ? text.replace(SEQUENCE, "") : text;
}

/** Adds the text to the element. @param {HTMLElement} target @param {string} text */
export function write(target, text) {
  if (!text.includes("\x1b")) {
    target.append(safe(text));
    return;
  }
  /** @type {Set<string>} */
  const style = new Set();
  let from = 0;
  for (const found of text.matchAll(SEQUENCE)) {
    piece(target, text.slice(from, found.index), style);
    from = found.index + found[0].length;
    if (found[2] === "m") apply(style, found[1] || "0");
  }
  piece(target, text.slice(from), style);
}

/** @param {HTMLElement} target @param {string} text @param {Set<string>} style */
function piece(target, text, style) {
  if (!text) return;
  if (!style.size) {
    target.append(safe(text));
    return;
  }
  const span = document.createElement("span");
  span.className = [...style].join(" ");
  span.textContent = safe(text);
  target.append(span);
}

/** @param {Set<string>} style @param {string} codes */
function apply(style, codes) {
  const given = codes.split(/[;:]/).map(Number);
  for (let place = 0; place < given.length; place++) {
    const code = given[place] ?? 0;
    if (code === 38 || code === 48) {
      const colour = given[place + 1] === 5 ? given[place + 2] : undefined;
      place += given[place + 1] === 5 ? 2 : 4;
      if (code === 38) colourOf(style, colour !== undefined && colour < 16 ? `ansi-${colour % 8}` : "");
    } else if (code === 0) style.clear();
    else if (code === 1) style.add("ansi-bold");
    else if (code === 2) style.add("ansi-dim");
    else if (code === 3) style.add("ansi-italic");
    else if (code === 4) style.add("ansi-underline");
    else if (code === 22) ["ansi-bold", "ansi-dim"].forEach((name) => style.delete(name));
    else if (code === 39) colourOf(style, "");
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colourOf(style, `ansi-${code % 10}`);
  }
}

/** @param {Set<string>} style @param {string} name */
function colourOf(style, name) {
  for (const old of [...style]) if (/^ansi-\d$/.test(old)) style.delete(old);
  if (name) style.add(name);
}
