// Keeps "3 minutes ago" and the durations of what runs up to date.
import { ago, duration } from "./format.js";

function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    set(element, ago(Date.parse(element.getAttribute("datetime") || ""), now));
  }
  for (const element of document.querySelectorAll("[data-since]")) {
    set(element, whole(Math.max(0, (now - Date.parse(element.getAttribute("data-since") || "")) / 1000)));
  }
}

/** While it runs, tenths would only flicker. @param {number} seconds */
function whole(seconds) {
  return seconds < 60 ? `${Math.floor(seconds)} s` : duration(seconds);
}

/** In the text that is there: another one would be unknown to whoever made it, who could not change it any more. @param {Element} element @param {string} text */
function set(element, text) {
  if (element.textContent === text) return;
  if (element.firstChild instanceof Text && element.childNodes.length === 1) element.firstChild.data = text;
  else element.textContent = text;
}

export function start() {
  setInterval(() => document.hidden || tick(), 1000);
}

/** Says in the bar whether the page is live. @param {"live" | "lost" | "paused"} state */
export function live(state) {
  const element = document.getElementById("live");
  if (!element || element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = { live: "live", lost: "not connected; on the machine: outrider ui", paused: "" }[state];
}
