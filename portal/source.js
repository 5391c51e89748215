// Where data comes from: the portal's API, or, in a page that was exported, what is in the page itself. Nothing else of the charts fetches.

/** What an exported page holds: answers of the API by their address. @type {Record<string, any> | null} */
const kept = await unpacked(document.getElementById("kept")?.textContent ?? "");

/** @param {string} packed gzip in base64; empty: this page was not exported */
async function unpacked(packed) {
  if (!packed) return null;
  const data = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

export const isOffline = kept !== null;

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

/** A file of a run as JSON. @param {string} url as the API gives it @returns {Promise<any>} Throws `Unread`. */
export async function document_(url) {
  if (kept) return JSON.parse(answer(url));
  const response = await fetch(url);
  if (!response.ok) throw new Unread(`The file could not be read (${response.status}): ${await said(response)}`);
  try {
    return JSON.parse(await response.text());
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
  return query === undefined ? base : `${base}\n${given.get("name") ?? ""}\n${given.get("source") ?? ""}`;
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
