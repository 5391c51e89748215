// A part of the page that is loaded when it is first shown.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";

/** @param {{ load: () => Promise<any>, given: object }} props `load` gives the component */
export function Later({ load, given }) {
  const [Part, setPart] = useState(/** @type {any} */ (null));
  const [wrong, setWrong] = useState("");
  useEffect(() => {
    load().then((found) => setPart(() => found), () => setWrong("This part of the page could not be loaded: reload the page."));
  }, [load]);
  if (wrong) return html`<p class="notice" role="alert">${wrong}</p>`;
  return Part ? html`<${Part} ...${given} />` : html`<p class="dim" role="status">Loading…</p>`;
}
