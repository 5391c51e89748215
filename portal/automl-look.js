// How all charts of models on a page are looked at: one threshold, one cut-off, which classes, counts or percent. In the address.
import { signal } from "@preact/signals";
import { put, without } from "./hash.js";

/** So many lines are told apart. */
const MOST_LINES = 14;

/** Of macro average, micro average, and classes by name: which are drawn. */
export class ModelLook {
  constructor() {
    /** Positive where the score is at or above it. */
    this.threshold = signal(0.5);
    /** The share of samples taken, the best scores first. */
    this.share = signal(0.2);
    this.isPercent = signal(false);
    /** Lines that are not drawn. */
    this.without = signal(/** @type {Set<string>} */ (new Set()));
    this.fromAddress();
  }

  /** @param {Partial<{ threshold: number, share: number, isPercent: boolean }>} change */
  choose(change) {
    for (const [name, value] of Object.entries(change)) /** @type {any} */ (this)[name].value = value;
    const parts = without("threshold", "cutoff", "percent");
    if (this.threshold.peek() !== 0.5) parts.push(`threshold=${this.threshold.peek()}`);
    if (this.share.peek() !== 0.2) parts.push(`cutoff=${this.share.peek()}`);
    if (this.isPercent.peek()) parts.push("percent=1");
    put(parts);
  }

  fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    const within = (/** @type {string | null} */ text, /** @type {number} */ otherwise) => (text !== null && Number(text) >= 0 && Number(text) <= 1 ? Number(text) : otherwise);
    this.threshold.value = within(given.get("threshold"), 0.5);
    this.share.value = within(given.get("cutoff"), 0.2);
    this.isPercent.value = given.get("percent") === "1";
  }

  /** With many lines over one another it is begun with the averages; classes are there to be added. @param {string[][]} tables the classes of each */
  begin(tables) {
    const lines = tables.reduce((sum, labels) => sum + labels.length + 2, 0);
    this.without.value = new Set(tables.length > 1 && lines > MOST_LINES ? tables.flat() : []);
  }

  /** @param {string} name */
  toggle(name) {
    const next = new Set(this.without.peek());
    if (!next.delete(name)) next.add(name);
    this.without.value = next;
  }
}
