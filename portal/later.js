// A part of the page that is loaded when it is first shown, or before.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";

/** @typedef {() => Promise<any>} Load it gives the component */
/** What has been loaded. @type {Map<Load, any>} */
const known = new Map();

/** Loads a part, so that it is there at once when it is shown. @param {Load} load @returns {Promise<void>} where it cannot be had, `Later` says so */
export async function prepare(load) {
  if (known.has(load)) return;
  const part = await load().catch(() => undefined);
  if (part) known.set(load, part);
}

/** `quiet`: says nothing while it is loaded. @param {{ load: Load, given: object, quiet?: boolean }} props */
export function Later({ load, given, quiet }) {
  const [, again] = useState(0);
  const [wrong, setWrong] = useState("");
  const Part = known.get(load);
  useEffect(() => {
    if (!Part) prepare(load).then(() => (known.has(load) ? again((count) => count + 1) : setWrong("This part of the page could not be loaded: reload the page.")));
  }, [load]);
  if (Part) return html`<${Part} ...${given} />`;
  if (wrong) return html`<p class="notice" role="alert">${wrong}</p>`;
  return quiet ? null : html`<p class="dim" role="status">Loading…</p>`;
}
