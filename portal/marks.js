// The way back from the log to the metrics: a mark beside each line that points were read from. Only of lines on the screen it is asked.
import { plain } from "./format.js";

/** @import { Line } from "./types" */
/** @import { LogView } from "./log.js" */
/** A point that was read from some bytes of the console. @typedef {{ name: string, ordinal: number, offset: number, length: number }} Read */

/** From the last movement until it is asked. */
const REST_MS = 200;
const NAMES = 3;

export class Marks {
  /** @param {LogView} view */
  constructor(view) {
    this.view = view;
    /** What was read from each line that was asked about, by the id of its row. @type {Map<string, Read[]>} */
    this.known = new Map();
    /** Lines of the console that were asked about. @type {Set<string>} */
    this.asked = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Something moved, or came. */
  stir() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), REST_MS);
  }

  /** @param {string} id @param {HTMLElement} row one that is new in the page */
  dress(id, row) {
    const found = this.known.get(id);
    if (found?.length) row.append(mark(this.view.run, found));
  }

  async look() {
    const seen = this.seen();
    /** The row that shows a line: its own, or that of the record whose print it is. @type {(line: Line) => string} */
    const rowOf = (line) => (line.echo && !seen.has(line.id) ? String(line.echo_of) : line.id);
    const wanted = this.view.shown.filter((line) => line.stream !== "log" && !this.asked.has(line.id) && seen.has(rowOf(line)));
    for (const line of wanted) this.asked.add(line.id);
    for (const stream of new Set(wanted.map(streamOf))) {
      for (const [line, found] of await this.read(wanted.filter((line) => streamOf(line) === stream))) {
        const id = rowOf(line);
        this.known.set(id, found);
        const row = this.view.rows.get(id);
        row?.querySelector(":scope > .readmark")?.remove();
        if (row) this.dress(id, row);
      }
    }
  }

  /** The ids of the rows on the screen. */
  seen() {
    const { box, lines } = this.view;
    /** @type {Set<string>} */
    const found = new Set();
    if (!box) return found;
    const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (lines.children);
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = rows[middle];
      if (row && row.offsetTop + row.offsetHeight < box.scrollTop) low = middle + 1;
      else high = middle;
    }
    for (let place = low; place < rows.length; place++) {
      const row = rows[place];
      if (!row || row.offsetTop > box.scrollTop + box.clientHeight) break;
      found.add(row.dataset.line ?? "");
    }
    return found;
  }

  /** @param {Line[]} lines of one stream @returns {Promise<Map<Line, Read[]>>} */
  async read(lines) {
    const [attempt, stream] = lines[0]?.id.split(".") ?? [];
    const from = Math.min(...lines.map((line) => line.offset ?? 0));
    const to = Math.max(...lines.map((line) => (line.offset ?? 0) + (line.length ?? 1)));
    const query = new URLSearchParams({ attempt: attempt ?? "1", fd: stream === "stderr" ? "2" : "1", from: String(from), to: String(to) });
    const answer = await fetch(`/api/v1/runs/${this.view.run}/printed/at?${query}`).catch(() => null);
    /** @type {Map<Line, Read[]>} */
    const found = new Map();
    for (const one of answer?.ok ? /** @type {Read[]} */ (await answer.json()) : []) {
      const line = holder(lines, one);
      if (line) found.set(line, [...(found.get(line) ?? []), one]);
    }
    return found;
  }
}

/** The line that shows what a point was read from. Rows that were drawn over one another have their bytes among one another: it is the one that was written last there. @param {Line[]} lines of one stream @param {Read} one */
function holder(lines, one) {
  const near = lines.filter(({ offset = 0, length = 1 }) => offset <= one.offset && one.offset < offset + length);
  const end = one.offset + one.length;
  const last = (/** @type {Line} */ line) => Math.max(-1, ...(line.writes ?? []).filter((at) => at <= end));
  const drawn = near.filter((line) => last(line) > one.offset);
  return drawn.length ? drawn.reduce((best, line) => (last(line) > last(best) ? line : best)) : near.find((line) => !line.writes);
}

/** Its attempt and its stream. @param {Line} line */
function streamOf(line) {
  return line.id.slice(0, line.id.lastIndexOf("."));
}

/** @param {string} run @param {Read[]} found */
function mark(run, found) {
  const names = [...new Set(found.map((one) => one.name))];
  const link = document.createElement("a");
  link.className = "readmark";
  link.textContent = names.slice(0, NAMES).map(plain).join(", ") + (names.length > NAMES ? ` +${names.length - NAMES}` : "");
  link.title = `Read from this line: ${names.map(plain).join(", ")}. Shows the point in its chart.`;
  const [first] = found;
  if (!first) return link;
  link.href = chartOf(first.name, null);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    stepOf(run, first).then((step) => location.assign(chartOf(first.name, step)));
  });
  return link;
}

/** @param {string} name @param {number | null} step */
function chartOf(name, step) {
  return `?tab=metrics#${step === null ? "" : `pin=${step}&`}chart=${encodeURIComponent(`${plain(name)} (printed)`)}`;
}

/** @param {string} run @param {Read} one @returns {Promise<number | null>} */
async function stepOf(run, one) {
  const query = new URLSearchParams({ name: one.name, source: "printed", first: String(one.ordinal), limit: "1" });
  const answer = await fetch(`/api/v1/runs/${run}/points?${query}`).catch(() => null);
  return answer?.ok ? ((await answer.json()).steps[0] ?? null) : null;
}
