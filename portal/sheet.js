// A file of columns as a table: comma-separated values, or the rows of a Parquet file that the server read. Cells stand as they are in the file.
import { useEffect, useState } from "preact/hooks";
import { grouped, plain, plural } from "./format.js";
import { html } from "./html.js";

export const ROWS = 200;

/** @param {{ names: string[], types?: string[], rows: (string | null)[][], count?: number }} props `count`: how many rows there are, where that is known */
export function Sheet({ names, types, rows, count }) {
  const shown = rows.slice(0, ROWS);
  const isNumber = names.map((_, place) => shown.some((row) => row[place]) && shown.every((row) => !row[place] || isNumeric(row[place] ?? "")));
  const side = (/** @type {number} */ place) => (isNumber[place] ? "right figure" : "");
  const note = count !== undefined ? `${plural(count, "row")}${count > shown.length ? `, of which these are the first ${grouped(shown.length)}` : ""}.` : rows.length > ROWS ? `The first ${ROWS} rows.` : "";
  return html`<div class="scroll sheet" tabindex="0" role="region" aria-label="As a table"><table class="list">
    <thead><tr>${names.map((one, place) => html`<th scope="col" class=${side(place)} title=${types?.[place]}><bdi>${plain(one)}</bdi></th>`)}</tr></thead>
    <tbody>${shown.map((row) => html`<tr>${row.map((one, place) => html`<td class=${side(place)}>${one === null ? html`<span class="dim">null</span>` : html`<bdi>${plain(one)}</bdi>`}</td>`)}</tr>`)}</tbody>
  </table></div>${note && html`<p class="dim small pad">${note}</p>`}`;
}

/** @param {string} text */
function isNumeric(text) {
  return /^[-+]?(nan|inf|infinity)$/i.test(text.trim()) || !Number.isNaN(Number(text));
}

/** @param {{ url: string }} props of the file's bytes */
export function ParquetSheet({ url }) {
  const [found, setFound] = useState(/** @type {{ names: string[], types: string[], rows: (string | null)[][], count: number } | null} */ (null));
  const [wrong, setWrong] = useState("");
  useEffect(() => {
    fetch(url.replace("/content?", "/sheet?"))
      .then(async (response) => (response.ok ? setFound(await response.json()) : setWrong((await response.json()).error)))
      .catch(() => setWrong("The agent does not answer; on the machine: outrider ui"));
  }, [url]);
  if (wrong) return html`<p class="dim pad" role="status">${wrong}</p>`;
  return found ? html`<${Sheet} ...${found} />` : html`<p class="dim pad" role="status">…</p>`;
}

/** Rows of separated values; a quoted one may hold the separator and line ends. @param {string} text @param {string} separator */
export function separated(text, separator) {
  const rows = [[""]];
  let isQuoted = false;
  for (let place = 0; place < text.length && rows.length <= ROWS + 2; place++) {
    const char = text[place] ?? "";
    const row = rows[rows.length - 1] ?? [];
    const last = row.length - 1;
    if (isQuoted) {
      if (char === '"' && text[place + 1] === '"') (row[last] += '"'), place++;
      else if (char === '"') isQuoted = false;
      else row[last] += char;
    } else if (char === '"' && row[last] === "") isQuoted = true;
    else if (char === separator) row.push("");
    else if (char === "\n") rows.push([""]);
    else if (char !== "\r") row[last] += char;
  }
  return rows.filter((row) => row.length > 1 || row[0] !== "");
}
