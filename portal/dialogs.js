// Small windows that ask, and a word at the lower edge that tells what was done and offers to undo it.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html } from "./html.js";

const TOLD_MS = 12_000;
/** @type {import("@preact/signals").Signal<{ text: string, undo: (() => void) | null } | null>} */
const told = signal(null);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text @param {(() => void) | null} [undo] */
export function tell(text, undo = null) {
  clearTimeout(timer);
  told.value = { text, undo };
  timer = setTimeout(() => (told.value = null), TOLD_MS);
}

export function Toast() {
  const now = told.value;
  return html`<div class="toast" role="status" aria-live="polite" data-shown=${now !== null}>
    ${now && html`<span>${now.text}</span>
      ${now.undo && html`<button type="button" onClick=${() => (now.undo?.(), (told.value = null))}>Undo</button>`}
      <button type="button" class="icon" aria-label="Close" onClick=${() => (told.value = null)}>×</button>`}
  </div>`;
}

/** @param {{ title: string, close: () => void, children?: unknown }} props */
export function Dialog({ title, close, children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => box.current?.showModal(), []);
  return html`<dialog ref=${box} aria-label=${title} onClose=${close} onClick=${(/** @type {Event} */ event) => event.target === box.current && box.current?.close()}>
    <div class="inside"><h2>${title}</h2>${children}</div>
  </dialog>`;
}

/** Asks for a tag's name and value. @param {{ count: number, give: (name: string, value: string) => void, close: () => void }} props */
export function TagDialog({ count, give, close }) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const name = String(given.get("name") ?? "").trim();
    if (name) give(name, String(given.get("value") ?? ""));
    close();
  };
  return html`<${Dialog} title=${`Tag ${count === 1 ? "a run" : `${count} runs`}`} close=${close}>
    <form onSubmit=${submit}>
      <label>Name <input name="name" type="text" required autofocus autocomplete="off" /></label>
      <label>Value <input name="value" type="text" autocomplete="off" placeholder="may be empty" /></label>
      <div class="tools"><button type="submit" class="primary">Tag</button><button type="button" onClick=${close}>Leave it</button></div>
    </form>
  <//>`;
}
