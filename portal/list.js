// The lists: fresh whenever something was committed, and walked by keys: j and k, Enter, and / for the search.
import { listen } from "./stream.js";
import { start } from "./times.js";

const EVERY_MS = 1000;
const AGAIN_MS = 3000;
let due = 0;
let chosen = -1;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Takes over what is new in the page, as the server makes it; nothing that the reader is in the middle of. */
async function refresh() {
  due = Date.now() + EVERY_MS;
  const old = document.getElementById("fresh");
  if (!old) return;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const selector of ["#fresh", ".chips"]) {
    const [here, there] = [document.querySelector(selector), page.querySelector(selector)];
    if (here && there && here.innerHTML !== there.innerHTML) replace(here, there);
  }
}

/** @param {Element} here @param {Element} there */
function replace(here, there) {
  const focused = here.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  here.replaceChildren(...there.childNodes);
  if (focused) /** @type {HTMLElement | null} */ (here.querySelector(`a[href="${CSS.escape(focused)}"]`))?.focus();
  mark();
}

function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(() => undefined), Math.max(0, due - Date.now()));
}

/** @returns {HTMLElement[]} */
function rows() {
  return [...document.querySelectorAll("#fresh tbody tr")].map((row) => /** @type {HTMLElement} */ (row));
}

function mark() {
  for (const [place, row] of rows().entries()) row.classList.toggle("chosen", place === chosen);
}

/** @param {number} by */
function move(by) {
  chosen = Math.min(rows().length - 1, Math.max(0, chosen + by));
  mark();
  const link = rows()[chosen]?.querySelector("a");
  link?.focus();
  link?.scrollIntoView({ block: "nearest" });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.target instanceof HTMLInputElement)) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") {
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
  }
});

start();
if (document.getElementById("fresh") || document.querySelector(".empty")) {
  listen(() => "/api/v1/events", { changed: document.getElementById("fresh") ? changed : () => first().catch(() => undefined) }, "");
}

/** A page that could not be shown: a store that is put back, an agent that starts again. */
if (document.querySelector("[data-again]")) setInterval(() => fetch(location.href).then(({ ok }) => ok && location.reload(), () => undefined), AGAIN_MS);

/** On a page that has nothing yet, the first run brings the list. */
async function first() {
  const response = await fetch(location.href);
  if (response.ok && (await response.text()).match(/id="(?:fresh|app)"/)) location.reload();
}
