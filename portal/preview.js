// The beginning of a file as one reads it: text, JSON, a table, a notebook, a picture, a PDF. What it holds is text, never markup.
import { useEffect, useState } from "preact/hooks";
import { plain, safe, size } from "./format.js";
import { html } from "./html.js";
import { Notebook, cells } from "./notebook.js";
import { ParquetSheet, Sheet, separated } from "./sheet.js";

/** @import { File } from "./types" */

const BYTES = 256 << 10;
/** A notebook holds its pictures: it is read to here. */
const NOTEBOOK_BYTES = 16 << 20;
const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i;
const PDF = /\.pdf$/i;
const PARQUET = /\.(parquet|pq)$/i;
const NOTEBOOK = /\.ipynb$/i;
const EMPTY = { text: "", isWhole: true, isBinary: false };

/** @param {{ file: File }} props */
export function Preview({ file }) {
  const [found, setFound] = useState(/** @type {{ text: string, isWhole: boolean, isBinary: boolean } | null} */ (null));
  const [wrong, setWrong] = useState("");
  const view = `${file.url}&view=1`;
  const isText = ![PICTURE, PDF, PARQUET].some((kind) => kind.test(file.path));
  useEffect(() => {
    if (file.size === 0) setFound(EMPTY);
    else if (isText) read(view, NOTEBOOK.test(file.path) ? NOTEBOOK_BYTES : BYTES).then(setFound, (error) => setWrong(String(error.message ?? error)));
  }, [view]);
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return html`<div class="heading pad">
      <h2><bdi>${plain(file.path)}</bdi></h2>
      ${file.size >= 0 && html`<span class="dim small" title=${`sha256 ${file.sha256}`}>${size(file.size)}${file.version > 1 ? ` · version ${file.version}` : ""}</span>`}
      <a class="button" href=${file.url} download=${name}>Download</a>
    </div>
    ${!file.observed && html`<p class="dim small pad">It was replaced faster than it could be captured, or before the agent looked: earlier versions may be missing.</p>`}
    ${wrong && html`<p class="notice">${wrong}</p>`}
    ${found ? html`<${Content} name=${name} found=${found} />` : isText ? !wrong && html`<p class="dim pad">…</p>` : html`<${Shown} name=${name} file=${file} view=${view} />`}`;
}

/** What the browser draws itself, or the server reads. @param {{ name: string, file: File, view: string }} props */
function Shown({ name, file, view }) {
  if (PARQUET.test(name)) return html`<${ParquetSheet} url=${file.url} />`;
  if (PDF.test(name)) return html`<iframe class="document" src=${view} title=${plain(name)}></iframe>`;
  return html`<a href=${view} target="_blank" rel="noopener" class="picture"><img src=${view} alt=${plain(name)} /></a>`;
}

/** @param {{ name: string, found: { text: string, isWhole: boolean, isBinary: boolean } }} props */
function Content({ name, found }) {
  const { text, isWhole, isBinary } = found;
  if (isBinary) return html`<p class="dim pad">Not a text: download it to look into it.</p>`;
  if (!text) return html`<p class="dim pad">It is empty.</p>`;
  const separator = /\.tsv$/i.test(name) ? "\t" : /\.csv$/i.test(name) ? "," : "";
  const note = !isWhole && html`<p class="dim small pad">This is its beginning, ${size(BYTES)}.</p>`;
  const [names = [], ...rows] = separator ? separated(text, separator) : [];
  if (separator) return html`<${Sheet} names=${names} rows=${rows} />${note}`;
  const notebook = NOTEBOOK.test(name) && isWhole ? cells(text) : null;
  if (notebook) return html`<${Notebook} given=${notebook} />`;
  return html`<pre class="content" tabindex="0">${safe(/\.json$/i.test(name) && isWhole ? pretty(text) : text)}</pre>${note}`;
}

/** @param {string} address @param {number} most */
async function read(address, most) {
  const response = await fetch(address, { headers: { Range: `bytes=0-${most - 1}` } });
  if (response.status === 416) return EMPTY;
  if (!response.ok) throw new Error((await response.json()).error);
  const reader = response.body?.getReader();
  const parts = [];
  let length = 0;
  while (reader && length < most) {
    const { done, value: part } = await reader.read();
    if (done) break;
    parts.push(part);
    length += part.length;
  }
  await reader?.cancel();
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, most);
  return { text: new TextDecoder().decode(bytes), isWhole: length < most, isBinary: bytes.subarray(0, 8000).includes(0) };
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
