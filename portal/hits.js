// Lines of the whole log that hold a text: asked for stretch by stretch, each a way to where it stands.
import { useEffect, useMemo, useState } from "preact/hooks";
import { clock, plain, plural } from "./format.js";
import { html } from "./html.js";

/** @import { LogView } from "./log.js" */
/** @typedef {{ at: number, time: string, stream: string, message: string, line: string | null }} Hit */

const MOST = 1_000;

class Hits {
  /** @param {LogView} view @param {string} text what is looked for; in slashes a regular expression */
  constructor(view, text) {
    this.view = view;
    const expression = /^\/(.+)\/$/.exec(text)?.[1];
    this.text = expression ?? text;
    this.query = new URLSearchParams({ text: this.text, regex: expression ? "1" : "0" });
    if (view.attempt !== null) this.query.set("attempt", String(view.attempt));
    /** @type {Hit[]} */
    this.found = [];
    this.isDone = false;
    this.wrong = "";
  }

  /** Looks until all is looked through, or nobody wants it any more. @param {() => boolean} goOn told after each stretch */
  async run(goOn) {
    let since = "";
    do {
      const response = await fetch(`/api/v1/runs/${this.view.run}/search?${this.query}&since=${since}`).catch(() => null);
      if (!response?.ok) {
        this.wrong = response ? (await response.json()).error : "The agent does not answer; on the machine: outrider ui";
        break;
      }
      const { hits, next } = await response.json();
      this.found = [...this.found, ...hits].slice(0, MOST);
      since = next;
    } while (since !== null && this.found.length < MOST && goOn());
    this.isDone = true;
    goOn();
  }
}

/** @param {{ view: LogView, text: string, close: () => void }} props */
export function HitList({ view, text, close }) {
  const hits = useMemo(() => new Hits(view, text), [view, text]);
  const [, again] = useState(0);
  useEffect(() => {
    let isWanted = true;
    hits.run(() => (again((count) => count + 1), isWanted));
    return () => void (isWanted = false);
  }, [hits]);
  const state = hits.wrong || (hits.isDone ? (hits.found.length === MOST ? `the first ${plural(MOST, "line")}` : plural(hits.found.length, "line")) : `${plural(hits.found.length, "line")} so far…`);
  return html`<div class="card hits" role="region" aria-label="Lines found">
    <div class="heading"><span role="status"><b>${plain(hits.text)}</b> <span class=${hits.wrong ? "bad" : "dim"}>${state}</span></span><button type="button" class="icon" aria-label="Close" onClick=${close}>×</button></div>
    <ol>${hits.found.map((hit) => html`<li><button type="button" class="plain" onClick=${() => hits.view.goTo(hit.at, hit.message.replace(/…$/, ""), hit.line ?? "")}><time class="dim">${clock(hit.at)}</time> ${plain(hit.message)}</button></li>`)}</ol>
  </div>`;
}
