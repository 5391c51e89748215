// The files that a run left, as a tree; beside it what is in one of them.
import { useEffect, useState } from "preact/hooks";
import { queried, setQuery } from "./address.js";
import { None } from "./empty.js";
import { grouped, plain, plural, size } from "./format.js";
import { html } from "./html.js";
import { Fold } from "./kept.js";
import { Later } from "./later.js";

/** @import { File, Run } from "./types" */

/** Files that a folder shows at once. */
const MOST = 500;
const PREVIEW = () => import("./preview.js").then((found) => found.Preview);

/** @param {{ run: Run, files: File[], count: number, all: () => void }} props */
export function Files({ run, files, count, all }) {
  const [path, setPath] = useState(queried("file"));
  useEffect(() => {
    if (files.length < count) all();
  }, [count]);
  useEffect(() => {
    const back = () => setPath(queried("file"));
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  useEffect(() => show(path), [path]);
  const choose = (/** @type {string} */ one) => (setPath(one), setQuery({ file: one }, true));
  const file = [...logs(run), ...files].find((one) => one.path === path);
  const folders = new Map(/** @type {[string, File[]][]} */ ([["logs", logs(run)]]));
  for (const one of files) {
    const folder = one.path.slice(0, Math.max(0, one.path.lastIndexOf("/")));
    folders.set(folder, [...(folders.get(folder) ?? []), one]);
  }
  return html`<div class="split">
    <section class="card tree" aria-label="Files">
      <h2>Files <span class="dim">${grouped(count)}</span>${count > 0 && html` <a class="button" href=${`/api/v1/runs/${run.run_id}/files.zip`} download>All as zip</a>`}</h2>
      ${count === 0 && html`<${None} of="file" isOver=${run.ended !== null} />`}
      ${[...folders].sort(([one], [other]) => (one < other ? -1 : 1)).map(([folder, inside]) => html`<${Folder} key=${folder} name=${folder} files=${inside} path=${path} choose=${choose} />`)}
      ${(run.snapshots ?? []).map((one) => html`<p class="pad"><a class="button" href=${one.url} download>Snapshot of the code (${size(one.size)}, zip)</a></p>`)}
    </section>
    <section class="card looked" aria-label="Preview">${file ? html`<${Later} key=${file.url} load=${PREVIEW} given=${{ file }} />` : html`<p class="dim pad">Choose a file to look into it.</p>`}</section>
  </div>`;
}

/** The chosen file is seen in the tree; where that stands above it, what is in it is. @param {string} path */
function show(path) {
  const [tree, chosen] = [document.querySelector(".tree"), document.querySelector(".tree [aria-current]")];
  const looked = document.querySelector(".looked");
  if (!path || !tree || !chosen || !looked) return;
  const [above, below] = [chosen.getBoundingClientRect().top - tree.getBoundingClientRect().top, tree.getBoundingClientRect().bottom - chosen.getBoundingClientRect().bottom];
  if (above < 0 || below < 0) tree.scrollTop += above - tree.clientHeight / 2;
  if (looked.getBoundingClientRect().top > chosen.getBoundingClientRect().bottom) looked.scrollIntoView({ block: "start" });
}

/** What was printed, as files. @param {Run} run @returns {File[]} */
function logs(run) {
  const url = `/api/v1/runs/${run.run_id}/console.txt`;
  const made = { version: 1, size: -1, time: run.started, sha256: "", observed: true };
  return [{ ...made, path: "logs/console.txt", url: `${url}?all=1` }, { ...made, path: "logs/stdout.txt", url: `${url}?fd=1` }, { ...made, path: "logs/stderr.txt", url: `${url}?fd=2` }];
}

/** Where the folder of a file is had as a zip: by the file's own address, for a name may be no text. @param {File | undefined} file */
function zip(file) {
  const found = /^(.*)\/content\?path=([^&]*)\/[^&/]*&/.exec(file?.url ?? "");
  return found ? `${found[1]}/files.zip?folder=${found[2]}` : "";
}

/** @param {{ name: string, files: File[], path: string, choose: (path: string) => void }} props */
function Folder({ name, files, path, choose }) {
  return html`<${Fold} title=${name} open=${files.length < 60 || path.startsWith(`${name}/`)}>
    <summary><bdi>${plain(name || "./")}</bdi> <span class="dim small">${plural(files.length, "file")}</span></summary>
    <ul>${name && zip(files[0]) && html`<li class="small"><a href=${zip(files[0])} download>This folder as zip</a></li>`}${files.slice(0, MOST).map((one) => html`<li key=${one.url}><button type="button" class="plain" aria-current=${one.path === path ? "true" : undefined} onClick=${() => choose(one.path)}>
      <bdi>${plain(one.path.slice(one.path.lastIndexOf("/") + 1))}</bdi>
      <span class="dim small">${one.version > 1 ? `v${one.version} ` : ""}${one.size >= 0 ? size(one.size) : ""}${one.observed ? "" : " · earlier versions may be missing"}</span></button></li>`)}
      ${files.length > MOST && html`<li class="dim small">and ${files.length - MOST} more: outrider artifacts</li>`}</ul>
  <//>`;
}
