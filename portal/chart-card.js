// One chart as a card: title, what the pointer reads, the plot, a legend, notes, a menu, and the same as a table.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart, ready } from "./chart.js";
import { span, spanOf } from "./chart-look.js";
import { figure, grouped, isExact, plain, plural, value } from "./format.js";
import { parts, without } from "./hash.js";
import { html } from "./html.js";
import { useKept, useSwitch, useTyped } from "./kept.js";
import { ownOf } from "./own.js";
import { spread, trend } from "./lines.js";
import { classOf } from "./palette.js";

/** @import { Hover, Line } from "./chart.js" */
/** @import { Look, Range } from "./chart-look.js" */
/** @import { Axis, Curve, Drawn } from "./curve.js" */
/** @import { Series } from "./types" */
/**
 * What can be drawn: a series of a run, or columns. `left`: rows that have no place along the axis.
 * @typedef {{ key: string, series: Series, isLoaded: boolean, hasSteps: boolean, left?: number, within: (axis: Axis, range: Range | null, started: number, epochs?: Curve) => Promise<void>, drawn: (axis: Axis, started: number, epochs?: Curve) => Drawn }} Source
 */
/** `epochs`: the run's series that tells them. @typedef {{ curve: Source, label: string, place: number, started: number, epochs?: Curve | undefined }} Given */

/** What makes files is read when one is asked for. */
const SAVING = () => import("./chart-save.js");
/** A chart is drawn so often at most. */
const REDRAW_MS = 400;
const TIP_ROWS = 12;
const TABLE_ROWS = 500;
const LEGEND = 40;
/** From so many lines on they are looked for by name. */
const SEARCHED = 12;
/** From so many lines on they can be drawn as their spread; of more than so many they always are. */
export const FEWEST = 3;
const MOST_LINES = 300;

/**
 * @param {{ title: string, lines: Given[], look: Look, count?: number, across?: string, more?: any }} props
 * `count` grows when points came; `across` names the axis where it is neither steps nor time; `more` stands behind the notes.
 */
export function ChartCard({ title, lines, look, count = 0, across, more = null }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  const [hover, setHover] = useState(/** @type {Hover | null} */ (null));
  const [hiding, hideThese] = useKept("hide", title);
  const hidden = new Set((hiding ?? "").split(",").filter((one) => one));
  const [isTable, setTable] = useSwitch("table", title);
  const [isFull, setFull] = useSwitch("full", title);
  const shown = lines.filter((line) => !hidden.has(keyOf(line)));
  const axis = axisOf(look, across);
  const chart = useChart(box, { title, lines: shown, look, count, across, isTable, setHover });
  useNamed(card, title);
  const [only] = lines;
  const pinned = across ? null : look.pinned.value;
  const read = hover ?? (pinned !== null && chart?.plot ? chart.readAt(pinned) : null);
  const best = only?.curve.series.best ? only.curve.series[only.curve.series.best] : null;
  const last = lines.length === 1 && only ? value(only.curve.series.last) : "";
  const hide = (/** @type {Given} */ line, /** @type {boolean} */ isSolo) => hideThese([...toggled(hidden, lines, line, isSolo)].join() || null);
  return html`<article class=${`card chart${isFull ? " full" : ""}`} aria-label=${title} ref=${card} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (setFull(false), look.choose({ pinned: null }))}>
    <header>
      <h3 title=${title}>${title}</h3>
      <p class=${`readout ${read ? "reading" : ""}`} aria-live="polite">${lines.length === 1 ? html`<${Readout} read=${read} axis=${axis} last=${last} best=${best} />` : read && html`<span class="dim">${axis} ${figure(read.at)}</span>`}</p>
      <${Menu} items=${[
        ["Picture (PNG)", () => chart && SAVING().then(({ png }) => png(chart, title))],
        ["Drawing (SVG)", () => chart && SAVING().then(({ svg }) => svg(chart, title))],
        ["Numbers (CSV)", () => chart && SAVING().then(({ csv }) => csv(chart.lines, axis, title))],
        ["Copy a link", () => navigator.clipboard?.writeText(linkOf(title))],
        [isTable ? "Show as chart" : "Show as table", () => setTable(!isTable)],
        [isFull ? "Leave full screen" : "Full screen", () => setFull(!isFull)],
      ]} />
    </header>
    ${isTable && html`<${Table} lines=${shown} look=${look} axis=${axis} />`}
    <div class="plot" hidden=${isTable} ref=${box} tabindex="0" role="img" aria-label=${spoken(title, shown, look)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => keys(event, chart, look)}></div>
    ${lines.length > 1 && read && !isTable && html`<${Tip} read=${read} />`}
    ${lines.length > 1 && html`<${Legend} title=${title} lines=${lines} hidden=${hidden} hide=${hide} />`}
    <footer class="dim small"><${Notes} lines=${shown} chart=${chart} look=${look} across=${across} />${more}</footer>
  </article>`;
}

/** A line by the place of its run: two runs may have one name. @param {Given} line */
function keyOf(line) {
  return String(line.place);
}

/** @param {Set<string>} hidden @param {Given[]} lines @param {Given} line @param {boolean} isSolo */
function toggled(hidden, lines, line, isSolo) {
  const others = lines.filter((one) => one !== line).map(keyOf);
  if (isSolo) return new Set(others.every((key) => hidden.has(key)) ? [] : others);
  const next = new Set(hidden);
  if (!next.delete(keyOf(line))) next.add(keyOf(line));
  return next;
}

/** @param {{ read: Hover | null, axis: string, last: string, best: number | null }} props */
function Readout({ read, axis, last, best }) {
  const row = read?.rows[0];
  if (read && row) {
    const isBand = row.least !== null && row.least !== row.most;
    return html`<span class="dim">${axis} ${figure(read.at)}</span> <b>${value(row.value)}</b>${isBand && html` <span class="dim">${value(row.least)} to ${value(row.most)}</span>`}`;
  }
  return html`<b class=${/^-?(NaN|Infinity)$/.test(last) ? "bad" : ""}>${last}</b>${best !== null && html` <span class="dim">best ${value(best)}</span>`}`;
}

/** Every line's value where the pointer is, the greatest first. @param {{ read: Hover }} props */
function Tip({ read }) {
  const rows = read.rows.filter((row) => row.value !== null).sort((one, other) => (other.value ?? 0) - (one.value ?? 0));
  const near = rows.findIndex((row) => row.line === read.near);
  const from = Math.max(0, Math.min(near - TIP_ROWS / 2, rows.length - TIP_ROWS));
  const side = read.left > 0.5 ? "left: 4rem" : "right: 0.6rem";
  return html`<div class="tip" style=${`${side}; top: 2.4rem`} aria-hidden="true"><table><tbody>
    ${rows.slice(from, from + TIP_ROWS).map((row) => html`<tr class=${row.line === read.near ? "near" : ""}><td><span class=${`key ${classOf(row.line.place)}`}></span><bdi>${row.line.label}</bdi></td><td class="right figure">${value(row.value)}${rows.length === 1 && row.least !== null && row.least !== row.most && html` <span class="dim">${value(row.least)} to ${value(row.most)}</span>`}</td></tr>`)}
  </tbody></table>${rows.length > TIP_ROWS && html`<span class="dim">${rows.length - TIP_ROWS} more</span>`}</div>`;
}

/** @param {{ title: string, lines: Given[], hidden: Set<string>, hide: (line: Given, isSolo: boolean) => void }} props */
function Legend({ title, lines, hidden, hide }) {
  const [wanted, want] = useTyped("line", title);
  const found = lines.filter((line) => line.label.toLowerCase().includes(wanted.toLowerCase()));
  return html`${lines.length > SEARCHED && html`<input type="search" class="small find" placeholder="Find a line" aria-label="Find a line" value=${wanted} onInput=${(/** @type {any} */ event) => want(event.target.value)} />`}<ul class="legend" tabindex=${lines.length > SEARCHED ? 0 : undefined}>${found.slice(0, LEGEND).map(
    (line) => html`<li><button type="button" aria-pressed=${!hidden.has(keyOf(line))} title="Hide or show; with Alt only this one"
      onClick=${(/** @type {MouseEvent} */ event) => hide(line, event.altKey)}><span class=${`key ${classOf(line.place)}`} aria-hidden="true"></span><bdi>${line.label}</bdi></button></li>`,
  )}${found.length > LEGEND && html`<li class="dim">and ${found.length - LEGEND} more</li>`}</ul>`;
}

/** What the chart cannot show by itself. @param {{ lines: Given[], chart: Chart | null, look: Look, across: string | undefined }} props */
function Notes({ lines, chart, look, across }) {
  const notes = [plural(lines.reduce((sum, { curve }) => sum + curve.series.count, 0), "point")];
  if (lines.length > 1) notes.unshift(plural(lines.length, "line"));
  if (isSummed(lines, look)) notes.push("drawn as their median, and from the 5th to the 95th percentile");
  const drawn = chart?.lines ?? [];
  const bad = drawn.reduce((sum, line) => sum + line.drawn.bad.reduce((all, one) => all + one, 0), 0);
  const first = drawn.flatMap((line) => line.drawn.badAt.find((one) => one !== null) ?? []);
  const kinds = new Set(drawn.flatMap((line) => line.drawn.odd).join(""));
  const which = [["N", "NaN"], ["+", "+∞"], ["-", "−∞"]].filter(([kind]) => kinds.has(kind ?? "")).map(([, word]) => word).join(", ");
  const isBelow = look.log.value && lines.some(({ curve }) => curve.series.min !== null && curve.series.min <= 0);
  const [low, high] = across ? [null, null] : look.range.value ?? [null, null];
  const isOutside = low !== null && drawn.length > 0 && drawn.every((line) => !line.drawn.x.some((at) => at >= low && at <= (high ?? at)));
  const isBare = !across && look.axis.value === "epoch" && drawn.length > 0 && drawn.every((line) => !line.drawn.x.length);
  const left = lines.reduce((sum, { curve }) => sum + (curve.left ?? 0), 0);
  const isRounded = axisOf(look, across) === "step" && drawn.some((line) => !isExact(line.drawn.x.at(-1) ?? 0) || !isExact(line.drawn.x[0] ?? 0));
  const isLeft = look.logX.value && drawn.some((line) => line.drawn.x.some((at) => at <= 0));
  return html`${notes.join(" · ")}${bad > 0 && html` · <span class="bad" title="A mark on the axis is NaN; a triangle at the upper or lower edge an infinity">${bad} not a number</span>, the first at ${across ?? look.axis.value} ${figure(Math.min(...first))}${which && `: ${which}`}`}${isOutside && " · nothing within this range"}${isBare && " · the epoch of none of these points is known"}${isBelow && " · values of 0 and below have no place on a log scale"}${isLeft && " · what lies at 0 and before has no place on a log axis"}${left > 0 && ` · ${left === 1 ? "1 row without a number" : `${grouped(left)} rows without a number`} for ${across} ${left === 1 ? "is" : "are"} not drawn`}${isRounded && " · steps beyond 2^53 are rounded here; outrider export has them exactly"}`;
}

/** @param {Look} look @param {string | undefined} across */
const axisOf = (look, across) => across ?? look.axis.value;

/** The same in words. @param {string} title @param {Given[]} lines @param {Look} look */
function spoken(title, lines, look) {
  const words = lines.slice(0, 8).map(({ curve, label, started }) => {
    const { series } = curve;
    const way = curve.isLoaded ? trend(curve.drawn(look.axis.peek(), started).last) : "";
    const name = lines.length > 1 ? `${label}: ` : "";
    return `${name}${series.count} points, last ${value(series.last)}, least ${value(series.min)}, most ${value(series.max)}${way && `, ${way}`}`;
  });
  if (lines.length > 8) words.push(`and ${lines.length - 8} more lines`);
  return `${title}: ${words.join("; ")}`;
}

/** @param {KeyboardEvent} event @param {Chart | null} chart @param {Look} look */
function keys(event, chart, look) {
  const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20 }[event.key];
  if (by && chart) chart.step(by);
  else if (event.key === "Enter" && chart?.plot?.cursor.idx != null) look.choose({ pinned: chart.over.x[chart.plot.cursor.idx] ?? null });
  else if (event.key === "0") look.zoom(null);
  else return;
  event.preventDefault();
}

/** @param {{ lines: Given[], look: Look, axis: string }} props */
function Table({ lines, look, axis }) {
  const rows = lines.flatMap(({ curve, label, started, epochs }) => {
    const { x, last, min, max } = curve.drawn(look.axis.value, started, epochs);
    return x.map((at, place) => [label, at, last[place], min[place], max[place]]);
  });
  const isSeveral = lines.length > 1;
  return html`<div class="tablebox" tabindex="0"><table class="cells"><thead><tr>${isSeveral && html`<th scope="col">Line</th>`}<th scope="col">${axis}</th><th scope="col" class="right">Value</th><th scope="col" class="right">Min</th><th scope="col" class="right">Max</th></tr></thead>
    <tbody>${rows.slice(0, TABLE_ROWS).map((row) => html`<tr>${isSeveral && html`<td><bdi>${row[0]}</bdi></td>`}${row.slice(1).map((cell, place) => html`<td class=${place ? "right" : ""}>${value(/** @type {number} */ (cell))}</td>`)}</tr>`)}</tbody></table>
    ${rows.length > TABLE_ROWS && html`<p class="dim pad">and ${grouped(rows.length - TABLE_ROWS)} rows more: zoom in, or take the numbers as CSV</p>`}</div>`;
}

/** A menu that closes when one chooses, or looks elsewhere. @param {{ items: [string, () => void][] }} props */
export function Menu({ items }) {
  const root = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const shut = () => root.current?.removeAttribute("open");
  const leave = (/** @type {FocusEvent} */ event) => root.current?.contains(/** @type {Node | null} */ (event.relatedTarget)) || shut();
  return html`<details class="menu" ref=${root} onFocusOut=${leave} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && shut()}>
    <summary aria-label="What can be done with this chart" title="Menu"><span aria-hidden="true">⋮</span></summary>
    <div>${items.map(([text, act]) => html`<button type="button" onClick=${() => (shut(), act())}>${text}</button>`)}</div>
  </details>`;
}

/** The chart that the address names is what is seen first. @param {{ current: HTMLElement | null }} card @param {string} title */
export function useNamed(card, title) {
  useEffect(() => {
    if (parts().includes(`chart=${encodeURIComponent(title)}`)) card.current?.scrollIntoView({ block: "center" });
  }, []);
}

/** @param {string} title */
export function linkOf(title) {
  const address = new URL(location.href);
  address.hash = [...without("chart"), `chart=${encodeURIComponent(title)}`].join("&");
  return address.href;
}

/** Is it on the screen, or near? @param {{ current: HTMLElement | null }} box */
export function useSeen(box) {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)), { rootMargin: "200px" });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return isSeen;
}

/** Told when the colours change. */
export function useSkin() {
  const [skin, setSkin] = useState(0);
  useEffect(() => {
    const change = () => setSkin((one) => one + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", change);
    media.addEventListener("change", change);
    return () => (removeEventListener("themechange", change), media.removeEventListener("change", change));
  }, []);
  return skin;
}

/** Are the lines drawn as their median and how far they spread? @param {Given[]} lines @param {Look} look */
function isSummed(lines, look) {
  return lines.length > MOST_LINES || (look.spread.value && lines.length >= FEWEST);
}

/**
 * Loads and draws, not more often than an eye follows.
 * @param {{ current: HTMLElement | null }} box
 * @param {{ title: string, lines: Given[], look: Look, count: number, across: string | undefined, isTable: boolean, setHover: (hover: Hover | null) => void }} how
 */
function useChart(box, how) {
  const { title, lines, look, count, across, isTable } = how;
  const chart = useRef(/** @type {Chart | null} */ (null));
  const due = useRef(0);
  const [loaded, again] = useState(0);
  const [, redrawn] = useState(0);
  const isSeen = useSeen(box);
  const skin = useSkin();
  const [axis, log, logX, smooth] = [look.axis.value, look.log.value, look.logX.value, look.smooth.value];
  const [kept, keep] = useKept("own", title);
  const own = useMemo(() => (kept ?? "").split("~").map(spanOf), [kept]);
  const [range, upwards, pinned] = [across ? own[0] ?? null : look.range.value, across ? own[1] ?? null : ownOf(look.boxes.value, title) ?? null, across ? null : look.pinned.value];
  const keys = lines.map((line) => line.curve.key + line.label).join();
  const isSpread = isSummed(lines, look);
  useEffect(() => {
    if (!box.current || isTable) return undefined;
    const made = new Chart(box.current, { whole: axis === "step" && !across, log, logX, smooth, sync: across ?? axis }, {
      hover: how.setHover,
      pin: (at) => across || look.choose({ pinned: look.pinned.peek() === at ? null : at }),
      zoom: (to, up) => (across ? keep(to && (up ? `${span(to)}~${span(up)}` : span(to))) : look.zoom(to, title, up)),
    });
    chart.current = made;
    due.current = 0;
    return () => (made.close(), (chart.current = null));
  }, [axis, log, logX, smooth, skin, isTable]);
  const zoomed = across || !range ? "" : `${axis} ${range.join()} ${axis === "step" && lines.some((line) => line.curve.hasSteps)}`;
  useEffect(() => {
    const epochs = axis === "epoch" ? lines.map((line) => (line.epochs?.whole ? null : line.epochs?.load(null))) : [];
    if (isSeen) Promise.all([ready(), ...epochs]).then(() => Promise.all(lines.map(({ curve, started, epochs }) => curve.within(axis, across ? null : range, started, epochs)))).then(() => again((one) => one + 1), () => again((one) => one + 1));
  }, [isSeen && zoomed, isSeen, keys, axis === "epoch", across ? null : lines[0]?.curve]);
  useEffect(() => {
    if (!isSeen || isTable || !lines.some((line) => line.curve.isLoaded)) return undefined;
    const timer = setTimeout(() => {
      due.current = Date.now() + REDRAW_MS;
      const drawn = lines.map(({ curve, label, place, started, epochs }) => /** @type {Line} */ ({ label: plain(label), place, drawn: curve.drawn(axis, started, epochs) }));
      const shown = isSpread ? [{ label: `median of ${drawn.length}`, place: 0, isSpread: true, drawn: spread(drawn.map((line) => line.drawn), range) }] : drawn;
      if (chart.current) chart.current.pinned = pinned;
      chart.current?.draw(shown, range, upwards);
      redrawn((one) => one + 1);
    }, Math.max(0, due.current - Date.now()));
    return () => clearTimeout(timer);
  }, [isSeen, isTable, loaded, keys, count, axis, log, logX, smooth, skin, range, upwards, pinned, isSpread]);
  return chart.current;
}
