// What the bar above every page offers, and the keys that hold everywhere: the list of keys (?), a link to what is seen, g and a letter to go.
// Plain DOM: the first page has no libraries.

/** g and this letter: an address, or the tab of a run's page. */
const PLACES = /** @type {Record<string, string>} */ ({ e: "/", r: "/runs", o: "#tab-overview", m: "#tab-metrics", l: "#tab-logs", c: "#tab-charts", i: "#tab-images", f: "#tab-files", d: "#tab-details" });
const AFTER_G_MS = 1500;
const TOLD_MS = 2000;
/** So long a key waits for its tab. */
const DRAWN_MS = 5000;

/** Keys and what they do, by where they hold. @type {[string, [string[], string][]][]} */
const KEYS = [
  ["Everywhere", [[["?"], "these keys"], [["g", "e"], "experiments"], [["g", "r"], "all runs"], [["/"], "search on this page"], [["Tab"], "to the next thing that can be used"]]],
  ["In a list", [[["j"], "down"], [["k"], "up"], [["Enter"], "open"], [["x"], "choose a run, to compare, tag or delete"]]],
  ["On a comparison", [[["1", "…", "4"], "its parts, as the tabs stand"]]],
  ["On a run", [[["1", "…", "8"], "its parts, as the tabs stand"], [["g", "m"], "metrics"], [["g", "l"], "logs; o overview, c charts, i images, f files, d details"], [["["], "the run before it in the experiment"], [["]"], "the run after it"], [["f"], "the end of the log, and stay there"]]],
  ["On a chart", [[["←"], "the crosshair to the left"], [["→"], "to the right"], [["Enter"], "pin the place"], [["0"], "the whole range"]]],
];

let gone = -Infinity;

/** Is somebody writing? @param {EventTarget | null} target */
function isText(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && !/^(?:checkbox|radio|range|button)$/.test(target.type)));
}

/** An element with children, for there is no library. @param {string} name @param {(Node | string)[]} children */
function made(name, ...children) {
  const element = document.createElement(name);
  element.append(...children);
  return element;
}

/** @param {string} title @param {...Node} content */
function dialog(title, ...content) {
  const box = document.createElement("dialog");
  box.className = "told";
  const close = made("button", "Close");
  const inside = made("div", made("h2", title), ...content, close);
  inside.className = "inside";
  box.setAttribute("aria-label", title);
  close.addEventListener("click", () => box.close());
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.append(inside);
  document.body.append(box);
  box.showModal();
  return box;
}

function help() {
  const here = location.pathname === "/compare" ? "On a comparison" : document.getElementById("tab-overview") ? "On a run" : "In a list";
  const shown = KEYS.filter(([where]) => where === "Everywhere" || where === here || (where === "On a chart" && here !== "In a list"));
  dialog("Keys", ...shown.map(([where, keys]) => {
    const rows = keys.map(([pressed, what]) => made("tr", made("th", ...pressed.flatMap((key) => [key === "…" ? "…" : made("kbd", key), " "])), made("td", what)));
    const table = made("table", made("caption", where), made("tbody", ...rows));
    table.className = "keys";
    return table;
  }));
}

/** The address says all that is seen: filters, columns, tab, zoom, line. @param {HTMLElement} button */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    const field = document.createElement("input");
    Object.assign(field, { type: "text", value: location.href, readOnly: true });
    field.setAttribute("aria-label", "The address");
    dialog("The address of this view", field);
    field.select();
    return;
  }
  const text = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = text), TOLD_MS);
}

/** @param {KeyboardEvent} event @returns {void} */
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isText(event.target)) return;
  const isAfterG = event.timeStamp - gone < AFTER_G_MS;
  const place = PLACES[event.key];
  gone = -Infinity;
  if (document.querySelector("dialog.told")) return event.stopImmediatePropagation(); // what lies below it does not move
  if (document.querySelector("dialog[open]")) return;
  if (isAfterG && place) {
    event.stopImmediatePropagation();
    if (place.startsWith("#")) press(place);
    else location.assign(place);
  } else if (event.key === "g") gone = event.timeStamp;
  else if (event.key === "?") help();
  else if (/^[1-9]$/.test(event.key)) press(`[role=tab]:nth-of-type(${event.key})`);
}

/** A tab, as a click on it. One that is not drawn yet is pressed when it is: nobody has to wait for a page to press its keys. @param {string} selector */
function press(selector) {
  const click = () => document.querySelector(selector)?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })) !== undefined;
  if (click()) return;
  const drawn = new MutationObserver(() => click() && drawn.disconnect());
  drawn.observe(document.body, { childList: true, subtree: true });
  setTimeout(() => drawn.disconnect(), DRAWN_MS);
}

addEventListener("keydown", key, { capture: true });
document.getElementById("keys")?.addEventListener("click", help);
document.getElementById("link")?.addEventListener("click", (event) => copy(/** @type {HTMLElement} */ (event.currentTarget)));
