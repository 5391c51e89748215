// What is no line: single numbers as tiles, texts as lists of values.
import { useEffect, useState } from "preact/hooks";
import { plain, plural, safe, shorten, value } from "./format.js";
import { html } from "./html.js";
import { useKept } from "./kept.js";
import { json } from "./source.js";

/** @import { Series, Value } from "./types" */
/** @typedef {{ name: string, rows: { label: string, place: number, value: Value }[] }} Tile */
/** @typedef {{ name: string, run_id: string, series: Series }} Words */

const MOST_VALUES = 200;
/** A list of more is scrolled, by keys too. */
const SCROLLED = 6;
/** So much of a text is shown. */
const LETTERS = 5000;

/** @param {{ tiles: Tile[] }} props */
export function Tiles({ tiles }) {
  if (!tiles.length) return null;
  return html`<div class="tiles">${tiles.map(({ name, rows }) => html`<div class="card tile">
    <h3 title=${name}><bdi>${name}</bdi></h3>
    ${rows.length === 1 ? html`<p class=${isOdd(rows[0]?.value) ? "bad" : ""}>${value(rows[0]?.value)}</p>` : html`<ul tabindex=${rows.length > SCROLLED ? 0 : undefined} aria-label=${name}>${rows.map((row) => html`<li><span><span class=${`key dot c${row.place % 8}`}></span><bdi>${row.label}</bdi></span> <b class="figure">${value(row.value)}</b></li>`)}</ul>`}
  </div>`)}</div>`;
}

/** @param {Value | undefined} given */
function isOdd(given) {
  return typeof given === "string" && /^-?(NaN|Infinity)$/.test(given);
}

/** @param {{ texts: Words[] }} props */
export function Texts({ texts }) {
  if (!texts.length) return null;
  return html`<div class="card scroll"><table class="pairs"><tbody>${texts.map((one) => html`<${OneText} key=${one.run_id + one.name} of=${one} />`)}</tbody></table></div>`;
}

/** A text as it was logged, not cut short; its lines stay lines. @param {Value} given */
function whole(given) {
  return typeof given === "string" ? shorten(safe(given), LETTERS) : value(given);
}

/** @param {{ of: Words }} props */
function OneText({ of: { name, run_id, series } }) {
  const [kept, keep] = useKept("values", run_id + name);
  const isOpen = kept === null ? series.count > 1 && series.count <= 5 : kept === "1";
  return html`<tr><th scope="row"><bdi>${plain(name)}</bdi></th><td>
    <bdi class="wrap">${whole(series.last)}</bdi>
    ${series.count > 1 && html` <button type="button" class="small" aria-expanded=${isOpen} onClick=${() => keep(isOpen ? "0" : "1")}>${plural(series.count, "value")}</button>`}
    ${isOpen && html`<${Values} run_id=${run_id} series=${series} />`}
  </td></tr>`;
}

/** @param {{ run_id: string, series: Series }} props */
function Values({ run_id, series }) {
  const [found, setFound] = useState(/** @type {{ steps: (number | null)[], values: Value[] } | null} */ (null));
  const first = Math.max(0, series.count - MOST_VALUES);
  useEffect(() => {
    const query = new URLSearchParams({ name: series.name, source: series.source, first: String(first), limit: String(MOST_VALUES) });
    json(`/runs/${run_id}/points?${query}`).then(setFound, () => setFound({ steps: [], values: [] }));
  }, [series.count]);
  if (!found) return null;
  return html`<ol class="values small" start=${first + 1}>${found.values.map((one, place) => html`<li>${found.steps[place] !== null && html`<span class="dim">step ${value(found.steps[place])}</span> `}<bdi class="wrap">${whole(one)}</bdi></li>`)}</ol>`;
}
