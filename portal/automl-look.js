// How all charts of models on a page are looked at: one threshold, one cut-off, which lines, counts or percent. In the address.
import { signal } from "@preact/signals";
import { AVERAGES } from "./automl-data.js";
import { decoded, put, without } from "./hash.js";

/** So many lines are told apart: of one run, whose classes have a colour each, and of several. */
const MOST_LINES = { one: 24, several: 14 };
const OURS = ["threshold", "cutoff", "percent", "matrix", "importance", "top", "lines", "hidden"];
const [THRESHOLD, SHARE, TOP] = [0.5, 0.2, 10];

/** Of macro average, micro average, and classes by name: which are drawn. */
export class ModelLook {
  constructor() {
    /** Positive where the score is at or above it. */
    this.threshold = signal(THRESHOLD);
    /** The share of samples taken, the best scores first. */
    this.share = signal(SHARE);
    this.isPercent = signal(false);
    /** Of which class the matrix shows what would be predicted at the threshold; empty: what was predicted. */
    this.matrix = signal("");
    /** Whose importance: empty for overall, `=` and a class, `*` for all of them; and of how many features. */
    this.importance = signal("");
    this.top = signal(TOP);
    /** Every line there is, and which are not drawn; unasked these. @type {string[]} */
    this.names = [];
    /** @type {Set<string>} */
    this.usual = new Set();
    this.without = signal(/** @type {Set<string>} */ (new Set()));
    this.fromAddress();
  }

  /** @param {Partial<{ threshold: number, share: number, isPercent: boolean, matrix: string, importance: string, top: number, without: Set<string> }>} change */
  choose(change) {
    for (const [name, value] of Object.entries(change)) /** @type {any} */ (this)[name].value = value;
    const given = { threshold: [this.threshold, THRESHOLD], cutoff: [this.share, SHARE], matrix: [this.matrix, ""], importance: [this.importance, ""], top: [this.top, TOP] };
    const parts = without(...OURS);
    for (const [name, [now, usual]] of Object.entries(given)) {
      const value = /** @type {import("@preact/signals").Signal<string | number>} */ (now).peek();
      if (value !== usual) parts.push(`${name}=${encodeURIComponent(value)}`);
    }
    if (this.isPercent.peek()) parts.push("percent=1");
    put([...parts, ...this.lines()]);
  }

  /** Which lines are drawn, by the shorter list; nothing where it is as it begins. */
  lines() {
    const hidden = this.names.filter((name) => this.without.peek().has(name));
    if (hidden.length === this.usual.size && hidden.every((name) => this.usual.has(name))) return [];
    const shown = this.names.filter((name) => !this.without.peek().has(name));
    const listed = (/** @type {string[]} */ names) => names.map(encodeURIComponent).join(",");
    return [shown.length < hidden.length ? `lines=${listed(shown)}` : `hidden=${listed(hidden)}`];
  }

  fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    const within = (/** @type {string | null} */ text, /** @type {number} */ otherwise) => (text !== null && Number(text) >= 0 && Number(text) <= 1 ? Number(text) : otherwise);
    this.threshold.value = within(given.get("threshold"), THRESHOLD);
    this.share.value = within(given.get("cutoff"), SHARE);
    this.isPercent.value = given.get("percent") === "1";
    this.matrix.value = given.get("matrix") ?? "";
    this.importance.value = given.get("importance") ?? "";
    this.top.value = Math.max(1, Math.round(Number(given.get("top") ?? TOP))) || TOP;
    // As it stands there: a name may hold a comma, which is spelled out.
    const [lines, hidden] = ["lines", "hidden"].map((name) => new RegExp(`(?:^#|&)${name}=([^&]*)`).exec(location.hash)?.[1]?.split(",").map(decoded));
    if (lines) this.without.value = new Set(this.names.filter((name) => !lines.includes(name)));
    else this.without.value = hidden ? new Set(hidden) : this.usual;
  }

  /** With many lines over one another it is begun with the averages; classes are there to be added. @param {string[][]} tables the classes of each */
  begin(tables) {
    const lines = tables.reduce((sum, labels) => sum + labels.length + 2, 0);
    this.names = [...AVERAGES, ...new Set(tables.flat())];
    this.usual = new Set(lines > (tables.length > 1 ? MOST_LINES.several : MOST_LINES.one) ? tables.flat() : []);
    this.fromAddress();
  }

  /** Alone: the others go, or come back where they were gone already. @param {string} name @param {boolean} isAlone */
  toggle(name, isAlone) {
    const others = this.names.filter((one) => one !== name);
    const next = new Set(this.without.peek());
    if (isAlone) return this.choose({ without: new Set(others.every((one) => next.has(one)) ? [] : others) });
    if (!next.delete(name)) next.add(name);
    return this.choose({ without: next });
  }
}
