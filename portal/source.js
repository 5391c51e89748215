// Where data comes from: the portal's API, or, in a page that was exported, what is in the page itself. Nothing else of the charts fetches.

/** What an exported page holds: answers of the API by their address. @type {Record<string, any> | null} */
let kept = await unpacked(document.getElementById("kept")?.textContent ?? "");

/** @param {string} packed gzip in base64; empty: this page was not exported */
async function unpacked(packed) {
  if (!packed) return null;
  const data = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** What a bucket has, each a number. */
const BUCKET_COLUMNS = 11;
/** So many more where a query asks for epochs. */
const EPOCH_COLUMNS = 2;

export const isOffline = kept !== null;
/** How often what the page holds was replaced: a notebook tells its frame what came. */
export const held = { age: 0 };

/** Holds this from now on. @param {string} packed */
export async function renew(packed) {
  kept = await unpacked(packed);
  held.age += 1;
}

export class Unread extends Error {}

/** @param {string} path below /api/v1 @returns {Promise<any>} JSON. Throws `Unread` with a sentence. */
export async function json(path) {
  if (kept) return answer(keyOf(path));
  const response = await reach(path);
  return response.json();
}

/** @param {string} path below /api/v1 @returns {Promise<ArrayBuffer>} Throws `Unread`. */
export async function bytes(path) {
  if (kept) return Uint8Array.from(atob(answer(keyOf(path))), (char) => char.charCodeAt(0)).buffer;
  return (await reach(path)).arrayBuffer();
}

/** So many letters of runs an address has at most, and so many runs. */
const LETTERS = 5000;
const RUNS = 50;

/** Runs in groups that one request can ask for. @template T @param {T[]} all @param {(one: T) => string} idOf @returns {T[][]} */
function grouped(all, idOf) {
  /** @type {T[][]} */
  const groups = [];
  let letters = LETTERS;
  for (const one of all) {
    letters += encodeURIComponent(idOf(one)).length + 5;
    if (letters > LETTERS || (groups.at(-1)?.length ?? RUNS) >= RUNS) {
      groups.push([]);
      letters = 0;
    }
    groups.at(-1)?.push(one);
  }
  return groups;
}

/** What charts begin with: of each run itself, its metrics and its files. @param {string[]} runs @returns {Promise<{ run: any, metrics: any[], artifacts: any[] }[]>} Throws `Unread`. */
export async function several(runs) {
  if (kept) return runs.map((run) => ({ run: answer(`/runs/${run}`), metrics: answer(`/runs/${run}/metrics`), artifacts: answer(`/runs/${run}/artifacts`) }));
  const found = await Promise.all(grouped(runs, String).map((group) => json(`/charts?${new URLSearchParams(group.map((run) => ["run", run]))}`)));
  return found.flat();
}

/** @typedef {{ run: string, take: (data: ArrayBuffer) => void, fail: (error: unknown) => void }} Waiting */
/** Who waits for buckets, by what is asked for. @type {Map<string, Waiting[]>} */
const waiting = new Map();

/** The buckets of one metric of a run; the same of several runs at once is one request. @param {string} run @param {URLSearchParams} query @returns {Promise<ArrayBuffer>} Throws `Unread`. */
export function bucketsOf(run, query) {
  if (kept) return bytes(`/runs/${run}/buckets?${query}`);
  const key = String(query);
  return new Promise((take, fail) => {
    if (!waiting.has(key)) {
      waiting.set(key, []);
      setTimeout(() => {
        const all = waiting.get(key) ?? [];
        waiting.delete(key);
        for (const group of grouped(all, (one) => one.run)) fetched(key, group);
      });
    }
    waiting.get(key)?.push({ run, take, fail });
  });
}

/** @param {string} query @param {Waiting[]} group */
async function fetched(query, group) {
  const [only, ...others] = group;
  if (!only) return;
  try {
    if (!others.length) return only.take(await bytes(`/runs/${only.run}/buckets?${query}`));
    const data = await bytes(`/buckets?${new URLSearchParams(group.map((one) => ["run", one.run]))}&${query}`);
    const numbers = new Float64Array(data);
    const columns = BUCKET_COLUMNS + (new URLSearchParams(query).get("epochs") === "1" ? EPOCH_COLUMNS : 0);
    let at = 0;
    for (const one of group) {
      const end = at + 1 + (numbers[at] ?? 0) * columns;
      one.take(data.slice((at + 1) * 8, end * 8));
      at = end;
    }
  } catch (error) {
    for (const one of group) one.fail(error);
  }
}

/** A file of a run as JSON. @param {string} url as the API gives it @returns {Promise<any>} Throws `Unread`. */
export async function document_(url) {
  if (kept) return parsed(answer(url));
  const response = await fetch(url);
  if (!response.ok) throw new Unread(`The file could not be read (${response.status}): ${await said(response)}`);
  return parsed(await response.text());
}

/** Of what Python writes, too: NaN and infinities, which JSON has not, become words as in the rest of the API. @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) => (found.startsWith('"') ? found : `"${found}"`)));
  } catch {
    throw new Unread("The file is no JSON.");
  }
}

/** The address under which an element of the page loads a file. @param {string} url */
export function address(url) {
  return kept ? String(kept[url] ?? "") : url;
}

/** How an address is kept: as what it asks for, and not as how it is spelled. @param {string} path */
function keyOf(path) {
  const [base = "", query] = path.split("?");
  const given = new URLSearchParams(query);
  return query === undefined ? base : `${base}\n${["name", "source", "first"].map((name) => given.get(name) ?? "").join("\n")}`;
}

/** @param {string} key */
function answer(key) {
  if (!kept || !(key in kept)) throw new Unread("This is not in the exported page; the portal has it.");
  return kept[key];
}

/** @param {string} path */
async function reach(path) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`);
  } catch {
    throw new Unread("The portal does not answer; on the machine: outrider ui");
  }
  if (!response.ok) throw new Unread(await said(response));
  return response;
}

/** @param {Response} response */
async function said(response) {
  try {
    return String((await response.json()).error);
  } catch {
    return `The portal answered ${response.status}.`;
  }
}
