// The query box: completes names and words where the caret stands, and shows at which character a query goes wrong.
import { useRef, useState } from "preact/hooks";
import { html } from "./html.js";

/** @typedef {{ metrics: string[], params: string[], tags: string[], properties: string[] }} Names */

const FIELDS = ["status", "name", "experiment", "started", "ended", "duration", "reason", "user", "host", "number", "exit_code", "id", "parent", "command"];
const STATUSES = ["completed", "failed", "running", "canceled", "unknown"];
const WORDS = ["and", "or", "not", "in ("];
const WAIT_MS = 350;
const MOST = 9;

/** The token that ends at the caret. @param {string} text */
function token(text) {
  return /(?:[\w.]*\.)?(?:"[^"]*|`[^`]*|[^\s"'`=<>!~(),]*)$/.exec(text)?.[0] ?? "";
}

/** @param {string} kind @param {string} name */
function spelled(kind, name) {
  return /^[^\s"'`=<>!~(),]+$/.test(name) ? `${kind}.${name}` : `${kind}."${name.replace(/["\\]/g, "\\$&")}"`;
}

/** What may stand at the caret. @param {string} text up to the caret @param {Names} names @returns {string[]} */
export function completions(text, names) {
  const word = token(text);
  if (/\bstatus\s*(?:=|!=|in\s*\([^)]*)\s*[\w]*$/.test(text)) return STATUSES.filter((one) => one.startsWith(word) && one !== word);
  const isAfterTest = /(?:[=<>~]\s*(?:"[^"]*"|'[^']*'|[^\s()]+)|\))\s+\w*$/.test(text);
  const lower = word.toLowerCase();
  if (isAfterTest) return ["and", "or"].filter((one) => one.startsWith(lower));
  if (/(?:[=<>~]|\bin\s*\([^)]*)\s*\S*$/.test(text)) return [];
  if (!word && text.trim() && !/(?:\b(?:and|or|not)|\()\s*$/i.test(text)) return [];
  const all = [
    ...names.metrics.map((name) => spelled("metrics", name)),
    ...names.params.map((name) => spelled("params", name)),
    ...names.tags.map((name) => spelled("tags", name)),
    ...FIELDS,
    ...names.properties.map((name) => spelled("properties", name)),
    ...WORDS,
  ];
  const begin = all.filter((one) => one.toLowerCase().startsWith(lower) && one !== word);
  const within = lower.length > 1 ? all.filter((one) => !one.toLowerCase().startsWith(lower) && one.toLowerCase().includes(lower)) : [];
  return [...begin, ...within].slice(0, MOST);
}

/** @param {{ text: string, names: () => Promise<Names>, wrong: { error: string, at?: number } | null, ask: (text: string) => void }} props */
export function QueryBox({ text, names, wrong, ask }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const known = useRef(/** @type {Names | null} */ (null));
  const [offered, setOffered] = useState(/** @type {string[]} */ ([]));
  const [at, setAt] = useState(-1);

  async function look() {
    known.current ??= await names();
    const box = field.current;
    if (box && document.activeElement === box) setOffered(completions(box.value.slice(0, box.selectionStart ?? 0), known.current));
    setAt(-1);
  }

  /** @param {string} given */
  function take(given) {
    const box = field.current;
    if (!box) return;
    const caret = box.selectionStart ?? box.value.length;
    const before = box.value.slice(0, caret);
    const start = before.length - token(before).length;
    const rest = box.value.slice(caret);
    box.value = `${before.slice(0, start)}${given} ${rest.trimStart()}`;
    box.selectionStart = box.selectionEnd = start + given.length + 1;
    box.focus();
    changed();
  }

  function changed() {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => field.current && ask(field.current.value.trim()), WAIT_MS);
    look();
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const isDown = event.key === "ArrowDown";
    if ((isDown || event.key === "ArrowUp") && offered.length) {
      event.preventDefault();
      setAt((one) => (isDown ? (one + 1) % offered.length : (one <= 0 ? offered.length : one) - 1));
    } else if ((event.key === "Enter" || event.key === "Tab") && offered[at] !== undefined) {
      event.preventDefault();
      take(offered[at] ?? "");
    } else if (event.key === "Enter") {
      clearTimeout(timer.current);
      setOffered([]);
      ask(field.current?.value.trim() ?? "");
    } else if (event.key === "Escape") setOffered([]);
  }

  const value = field.current?.value ?? text;
  return html`<div class="query">
    <input type="search" id="search" ref=${field} defaultValue=${text} spellcheck=${false} autocomplete="off" placeholder="metrics.loss < 0.3 and status = failed"
      role="combobox" aria-label="Query: which runs" aria-expanded=${offered.length > 0} aria-controls="offered" aria-autocomplete="list"
      aria-activedescendant=${at >= 0 ? `offered-${at}` : undefined} aria-invalid=${wrong ? "true" : undefined} aria-describedby=${wrong ? "wrong" : undefined}
      onInput=${changed} onFocus=${look} onClick=${look} onKeyDown=${key} onBlur=${() => setTimeout(() => setOffered([]), 150)} />
    <ul id="offered" role="listbox" aria-label="Completions" hidden=${offered.length === 0}>
      ${offered.map((one, place) => html`<li id=${`offered-${place}`} role="option" aria-selected=${place === at} onMouseDown=${(/** @type {Event} */ event) => (event.preventDefault(), take(one))}>${one}</li>`)}
    </ul>
    ${wrong && html`<p class="wrong" id="wrong" role="alert">${wrong.at === undefined ? "" : html`<code>${value.slice(0, wrong.at)}<mark>${value.slice(wrong.at, wrong.at + 1) || " "}</mark>${value.slice(wrong.at + 1)}</code>`} ${wrong.error}</p>`}
  </div>`;
}
