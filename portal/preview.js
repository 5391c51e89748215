// The beginning of a file as one reads it: text, JSON, a table of comma-separated values, a picture. What it holds is text, never markup.
import { useEffect, useState } from "preact/hooks";
import { plain, safe, size, value } from "./format.js";
import { html } from "./html.js";

/** @import { File } from "./types" */

const BYTES = 256 << 10;
const ROWS = 200;
const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i;

/** @param {{ file: File }} props */
export function Preview({ file }) {
  const [found, setFound] = useState(/** @type {{ text: string, isWhole: boolean, isBinary: boolean } | null} */ (null));
  const [wrong, setWrong] = useState("");
  const isPicture = PICTURE.test(file.path);
  const view = `${file.url}&view=1`;
  useEffect(() => {
    if (!isPicture) read(view).then(setFound, (error) => setWrong(String(error.message ?? error)));
  }, [view]);
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return html`<div class="heading pad">
      <h2><bdi>${plain(file.path)}</bdi></h2>
      ${file.size >= 0 && html`<span class="dim small" title=${`sha256 ${file.sha256}`}>${size(file.size)}${file.version > 1 ? ` · version ${file.version}` : ""}</span>`}
      <a class="button" href=${file.url} download=${name}>Download</a>
    </div>
    ${!file.observed && html`<p class="dim small pad">It was replaced faster than it could be captured, or before the agent looked: earlier versions may be missing.</p>`}
    ${wrong && html`<p class="notice">${wrong}</p>`}
    ${isPicture ? html`<a href=${view} target="_blank" rel="noopener" class="picture"><img src=${view} alt=${plain(name)} /></a>` : found ? html`<${Content} name=${name} found=${found} />` : !wrong && html`<p class="dim pad">…</p>`}`;
}

/** @param {{ name: string, found: { text: string, isWhole: boolean, isBinary: boolean } }} props */
function Content({ name, found }) {
  const { text, isWhole, isBinary } = found;
  if (isBinary) return html`<p class="dim pad">Not a text: download it to look into it.</p>`;
  if (!text) return html`<p class="dim pad">It is empty.</p>`;
  const separator = /\.tsv$/i.test(name) ? "\t" : /\.csv$/i.test(name) ? "," : "";
  const note = !isWhole && html`<p class="dim small pad">This is its beginning, ${size(BYTES)}.</p>`;
  if (separator) return html`<${Sheet} rows=${separated(text, separator)} />${note}`;
  return html`<pre class="content" tabindex="0">${safe(/\.json$/i.test(name) && isWhole ? pretty(text) : text)}</pre>${note}`;
}

/** @param {{ rows: string[][] }} props */
function Sheet({ rows }) {
  const [head = [], ...rest] = rows;
  const isNumber = head.map((_, place) => rest.slice(0, 20).every((row) => row[place] === undefined || row[place] === "" || !Number.isNaN(Number(row[place]))));
  return html`<div class="scroll sheet" tabindex="0" role="region" aria-label="As a table"><table class="list">
    <thead><tr>${head.map((one, place) => html`<th scope="col" class=${isNumber[place] ? "right" : ""}><bdi>${plain(one)}</bdi></th>`)}</tr></thead>
    <tbody>${rest.slice(0, ROWS).map((row) => html`<tr>${row.map((one, place) => html`<td class=${isNumber[place] ? "right figure" : ""}><bdi>${isNumber[place] && one !== "" ? value(Number(one)) : plain(one)}</bdi></td>`)}</tr>`)}</tbody>
  </table></div>${rest.length > ROWS && html`<p class="dim small pad">The first ${ROWS} rows.</p>`}`;
}

/** @param {string} address */
async function read(address) {
  const response = await fetch(address, { headers: { Range: `bytes=0-${BYTES - 1}` } });
  if (response.status === 416) return { text: "", isWhole: true, isBinary: false };
  if (!response.ok) throw new Error((await response.json()).error);
  const reader = response.body?.getReader();
  const parts = [];
  let length = 0;
  while (reader && length < BYTES) {
    const { done, value: part } = await reader.read();
    if (done) break;
    parts.push(part);
    length += part.length;
  }
  await reader?.cancel();
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, BYTES);
  return { text: new TextDecoder().decode(bytes), isWhole: length < BYTES, isBinary: bytes.subarray(0, 8000).includes(0) };
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
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
