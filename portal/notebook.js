// A notebook as one reads it: its cells and what they gave. Everything in it is text or a picture; HTML and scripts of outputs are never run.
import { useLayoutEffect, useRef } from "preact/hooks";
import { write } from "./ansi.js";
import { safe } from "./format.js";
import { html } from "./html.js";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const CELLS = 500;

/** The cells of a notebook; null where the text is none. @param {string} text @returns {any[] | null} */
export function cells(text) {
  try {
    const found = JSON.parse(text);
    const given = found.cells ?? found.worksheets?.[0]?.cells;
    return Array.isArray(given) ? given.filter((one) => one && typeof one === "object") : null;
  } catch {
    return null;
  }
}

/** @param {{ given: any[] }} props */
export function Notebook({ given }) {
  return html`<div class="notebook" tabindex="0" role="region" aria-label="As a notebook">
    ${given.slice(0, CELLS).map((cell) => html`<${Cell} cell=${cell} />`)}
    ${given.length === 0 && html`<p class="dim">It has no cells.</p>`}
    ${given.length > CELLS && html`<p class="dim small">The first ${CELLS} cells.</p>`}
  </div>`;
}

/** @param {{ cell: any }} props */
function Cell({ cell }) {
  const source = joined(cell.source ?? cell.input);
  if (cell.cell_type !== "code") return html`<div class="prose">${safe(source)}</div>`;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  return html`<div class="cell"><span class="dim small" title="in which order the cells were run">[${Number.isInteger(cell.execution_count) ? cell.execution_count : " "}]</span><pre>${safe(source)}</pre></div>
    ${outputs.map((/** @type {any} */ one) => html`<${Output} one=${one ?? {}} />`)}`;
}

/** @param {{ one: any }} props */
function Output({ one }) {
  if (one.output_type === "error" || one.output_type === "pyerr") return html`<${Coloured} text=${joined(one.traceback, "\n") || `${one.ename}: ${one.evalue}`} />`;
  if (one.text !== undefined && one.output_type === "stream") return html`<${Coloured} text=${joined(one.text)} />`;
  const data = one.data && typeof one.data === "object" ? one.data : {};
  const kind = PICTURES.find((name) => data[name]);
  const bytes = kind ? joined(data[kind]).replace(/\s/g, "") : "";
  if (kind && /^[A-Za-z0-9+/=]+$/.test(bytes)) return html`<img src=${`data:${kind};base64,${bytes}`} alt=${joined(data["text/plain"]) || "a picture that a cell gave"} />`;
  return html`<${Coloured} text=${joined(data["text/plain"] ?? one.text) || `${Object.keys(data).join(", ")}: not shown`} />`;
}

/** @param {{ text: string }} props */
function Coloured({ text }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    box.current?.replaceChildren();
    if (box.current) write(box.current, text);
  }, [text]);
  return html`<pre class="output" ref=${box}></pre>`;
}

/** A text, which notebooks keep as one or as lines. @param {unknown} given @param {string} [between] */
function joined(given, between = "") {
  return Array.isArray(given) ? given.map(String).join(between) : typeof given === "string" ? given : "";
}
