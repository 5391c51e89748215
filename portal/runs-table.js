// The table of runs: only the rows on the screen are in the page, however many there are.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ago, duration, local, plain, value } from "./format.js";
import { html } from "./html.js";
import { ownOf } from "./own.js";
import { Pill } from "./pill.js";
import { Spark } from "./spark.js";
import { withQuery } from "./address.js";

/** @import { Metric, Run } from "./types" */
/** @import { Runs } from "./runs-data.js" */

const ROW_PX = 46;
const MARGIN_ROWS = 12;
/** Rows come and go by so many: between two such steps nothing is drawn. */
const STEP_ROWS = 6;
/** Columns are drawn so far beside those that are seen. */
const BESIDE_PX = 300;
/** Of the columns: every one. */
const ALL = "";
const SORTED = new Set(["status", "started", "duration", "experiment"]);

/** @param {string} name */
export function heading(name) {
  const [kind, rest] = cut(name);
  return rest === undefined ? { status: "Status", started: "Started", duration: "Duration", experiment: "Experiment", user: "User", host: "Host" }[kind] ?? name : plain(rest);
}

/** @param {string} name @returns {[string, string | undefined]} */
function cut(name) {
  const dot = name.indexOf(".");
  return dot < 0 ? [name, undefined] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** What GET /runs sorts by. @param {string} name */
function sortOf(name) {
  const [kind, rest] = cut(name);
  const by = { metrics: "metric", params: "param", tags: "tag" }[kind];
  if (rest !== undefined && by) return `${by}:${rest}`;
  return SORTED.has(name) || name === "number" || name === "name" ? name : null;
}

/** @param {{ runs: Runs, best: Record<string, "min" | "max" | null>, at: number, setAt: (at: number) => void }} props */
export function Table({ runs, best, at, setAt }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState([0, Math.ceil(innerHeight / ROW_PX)]);
  const drawn = useRef(/** @type {Map<number, { run: Run | undefined, isAt: boolean, across: unknown, row: unknown }>} */ (new Map()));
  const total = runs.total.value;
  const columns = runs.columns.value;
  const [margin, setMargin] = useState(0);
  const [across, setAcross] = useState(ALL);
  const first = Math.max(0, (view[0] ?? 0) - margin);
  const last = Math.min(total, (view[1] ?? 0) + margin);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => {
      const [top, height] = [element.scrollTop, element.clientHeight || innerHeight];
      const [above, under] = [Math.floor(top / ROW_PX / STEP_ROWS) * STEP_ROWS, Math.ceil((top + height) / ROW_PX / STEP_ROWS) * STEP_ROWS];
      setView((before) => (before[0] === above && before[1] === under ? before : [above, under]));
    };
    let left = 0;
    const scrolled = () => {
      look();
      if (element.scrollLeft !== left) setAcross(columnsSeen(element));
      left = element.scrollLeft;
    };
    const sized = new ResizeObserver(() => (look(), setAcross(columnsSeen(element))));
    element.addEventListener("scroll", scrolled, { passive: true });
    requestAnimationFrame(() => (setMargin(MARGIN_ROWS), sized.observe(element))); // what is not seen yet waits until the rest is
    return () => (sized.disconnect(), element.removeEventListener("scroll", scrolled));
  }, []);
  useLayoutEffect(() => void (margin && box.current && setAcross(columnsSeen(box.current))), [columns]);
  useEffect(() => runs.see(first, last), [first, last, total]);
  useEffect(() => {
    const element = box.current;
    if (at < 0 || !element) return;
    const [top, bottom] = [at * ROW_PX, (at + 2) * ROW_PX];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
  }, [at]);

  // A row that was drawn and is the same is not gone through again: what of it changes by itself, it listens to.
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, row) => first + row).map((place) => {
    const [run, isAt, before] = [runs.row(place), place === at, drawn.current.get(place)];
    return before && before.run === run && before.isAt === isAt && before.across === across ? [place, before] : [place, { run, isAt, across, row: html`<${Row} key=${place} place=${place} run=${run} runs=${runs} best=${best} isAt=${isAt} across=${across} setAt=${setAt} />` }];
  });
  drawn.current = new Map(/** @type {any} */ (rows));
  return html`<div class="scroll card runs" ref=${box} tabindex="0" role="region" aria-label="Runs">
    <table class="list virtual" aria-rowcount=${total + 1} aria-colcount=${columns.length + 3}>
      <colgroup><col class="choose" /><col class="number" /><col class="name" />${columns.map((name) => html`<col class=${cut(name)[0]} />`)}</colgroup>
      <thead><tr aria-rowindex="1">
        <th scope="col"><${ChooseSeen} runs=${runs} first=${first} last=${last} /></th>
        <${Head} runs=${runs} name="number" text="#" />
        <${Head} runs=${runs} name="name" text="Run" />
        ${columns.map((name) => html`<${Head} key=${name} runs=${runs} name=${name} text=${heading(name)} />`)}
      </tr></thead>
      <tbody>
        ${first > 0 && html`<tr aria-hidden="true" class="space" style=${`height:${first * ROW_PX}px`}></tr>`}
        ${[...drawn.current.values()].map((one) => one.row)}
        ${last < total && html`<tr aria-hidden="true" class="space" style=${`height:${(total - last) * ROW_PX}px`}></tr>`}
      </tbody>
    </table>
  </div>`;
}

/** The first of the chosen columns that is seen, or nearly, and the one after the last; the same value while they are. @param {HTMLElement} box */
function columnsSeen(box) {
  const [low, high] = [box.scrollLeft - BESIDE_PX, box.scrollLeft + box.clientWidth + BESIDE_PX];
  const heads = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("thead th")].slice(3));
  const from = heads.findIndex((head) => head.offsetLeft + head.offsetWidth > low);
  const to = heads.findLastIndex((head) => head.offsetLeft < high) + 1;
  return from <= 0 && to === heads.length ? ALL : `${Math.max(0, from)} ${to}`;
}

/** @param {{ runs: Runs, name: string, text: string }} props */
function Head({ runs, name, text }) {
  const sort = sortOf(name);
  const isRight = name.startsWith("metrics.") || name.startsWith("params.") || name === "duration" || name === "started";
  if (!sort) return html`<th scope="col" title=${text}><bdi>${text}</bdi></th>`;
  const isOrder = runs.sort.value === sort;
  const down = isOrder ? !runs.down.value : sort !== "name";
  const change = { sort: sort === "started" ? null : sort, order: down ? null : "up" };
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    runs.want(change);
  };
  return html`<th scope="col" class=${isRight ? "right" : undefined} title=${plain(name)} aria-sort=${isOrder ? (runs.down.value ? "descending" : "ascending") : undefined}>
    <a href=${withQuery(change)} onClick=${click}><bdi>${text}</bdi>${isOrder && html`<span aria-hidden="true">${runs.down.value ? " ↓" : " ↑"}</span>`}</a>
  </th>`;
}

/** @param {{ runs: Runs, first: number, last: number }} props */
function ChooseSeen({ runs, first, last }) {
  /** @type {Run[]} */
  const seen = [];
  for (let place = first; place < last; place++) {
    const run = runs.row(place);
    if (run) seen.push(run);
  }
  const isAll = seen.length > 0 && seen.every((run) => runs.chosen.value.has(run.run_id));
  return html`<label class="tick"><input type="checkbox" aria-label="Choose the runs on the screen" checked=${isAll} onChange=${() => runs.choose(seen, !isAll)} /></label>`;
}

/** @param {{ run: Run | undefined, place: number, runs: Runs, best: Record<string, "min" | "max" | null>, isAt: boolean, across: string, setAt: (at: number) => void }} props */
function Row({ run, place, runs, best, isAt, across, setAt }) {
  if (!run) return html`<tr aria-rowindex=${place + 2} class="waits"><td colspan=${3 + runs.columns.value.length}><span class="dim">…</span></td></tr>`;
  const isChosen = runs.chosen.value.has(run.run_id);
  const columns = runs.columns.value;
  const [from = 0, to = columns.length] = across === ALL ? [] : across.split(" ").map(Number);
  const choose = (/** @type {MouseEvent} */ event) => {
    const range = [run];
    if (event.shiftKey && isAt === false && runs.anchor >= 0) {
      for (let at = Math.min(place, runs.anchor); at <= Math.max(place, runs.anchor); at++) range.push(runs.row(at) ?? run);
    }
    runs.anchor = place;
    runs.choose(range, !isChosen);
    setAt(place);
  };
  return html`<tr aria-rowindex=${place + 2} class=${[isAt && "chosen", isChosen && "ticked"].filter(Boolean).join(" ") || undefined}>
    <td><label class="tick"><input type="checkbox" aria-label=${`Choose run ${run.number}`} checked=${isChosen} onClick=${choose} /></label></td>
    <td class="figure"><a href=${`/runs/${run.run_id}`} class="main">${`#${run.number}`}</a></td>
    <td class="name"><div class="clip" title=${plain(run.name || run.run_id)}><bdi>${plain(run.name || run.run_id)}</bdi></div><${Tags} tags=${run.tags} /></td>
    ${from > 0 && html`<td key="before" colspan=${from}></td>`}
    ${columns.slice(from, to).map((name) => html`<${Cell} key=${name} name=${name} run=${run} runs=${runs} best=${best} />`)}
    ${to < columns.length && html`<td key="after" colspan=${columns.length - to}></td>`}
  </tr>`;
}

/** @param {{ tags: Record<string, unknown> }} props */
function Tags({ tags }) {
  const given = Object.entries(tags);
  if (!given.length) return null;
  return html`<div class="tags">${given.slice(0, 3).map(([key, one]) => html`<span class="chip"><bdi>${plain(one === "" || one === null ? key : `${key}=${value(/** @type {any} */ (one))}`)}</bdi></span>`)}${given.length > 3 && html`<span class="dim small">+${given.length - 3}</span>`}</div>`;
}

/** @param {{ name: string, run: Run, runs: Runs, best: Record<string, "min" | "max" | null> }} props */
function Cell({ name, run, runs, best }) {
  const [kind, rest] = cut(name);
  if (rest !== undefined && kind === "metrics") return html`<${MetricCell} one=${ownOf(run.metrics, rest)} best=${ownOf(best, rest) ?? null} spark=${ownOf(runs.sparks.value.get(run.run_id), rest)} />`;
  if (rest !== undefined) {
    const from = /** @type {Record<string, any>} */ (kind === "params" ? run.params : run.tags);
    return html`<td class=${kind === "params" ? "right figure" : undefined}><div class="clip"><bdi>${Object.hasOwn(from, rest) ? value(from[rest]) : "-"}</bdi></div></td>`;
  }
  if (kind === "status") return html`<td><${Pill} run=${run} /></td>`;
  if (kind === "started") return html`<td class="right dim"><time datetime=${run.started} data-ago title=${local(run.started)}>${ago(Date.parse(run.started), Date.now())}</time></td>`;
  if (kind === "duration") {
    const seconds = run.ended ? run.duration_s : Math.max(0, Date.now() - Date.parse(run.started)) / 1000;
    return html`<td class="right figure"><span key=${run.ended ? "over" : "on"} data-since=${run.ended ? undefined : run.started}>${duration(seconds)}</span></td>`;
  }
  return html`<td><div class="clip"><bdi>${plain(String(/** @type {any} */ (run)[kind] ?? "-"))}</bdi></div></td>`;
}

/** @param {{ one: Metric | undefined, best: "min" | "max" | null, spark: (number | null)[] | undefined }} props */
function MetricCell({ one, best, spark }) {
  if (!one) return html`<td class="right figure dim">-</td>`;
  const last = value(one.last);
  const top = best && one[best] !== null ? value(one[best]) : null;
  return html`<td class="metric"><div>
    <${Spark} values=${spark} />
    <span class=${/^-?(NaN|Infinity)$/.test(last) ? "figure bad" : "figure"}>${last}${top !== null && top !== last && html`<span class="dim small best">${`best ${top}`}</span>`}</span>
  </div></td>`;
}
