// A rule out of lines that look like numbers: a click on a number makes it, what it would read is shown before it is kept.
import { useEffect, useState } from "preact/hooks";
import { plain, plural, value } from "./format.js";
import { html } from "./html.js";
import { Copy } from "./run-head.js";

/** @typedef {{ line: number, text: string | null }} Unread */
/** What a rule reads of the lines. @typedef {{ points: number, read?: { line: number, metrics: Record<string, any> }[] }} Preview */

const NUMBER = /(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/g;
const VALUE = "([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)";
/** So much of what stands before a number is in its rule. */
const BEFORE = 40;
const REST_MS = 300;
const SHOWN = 8;

/** The pattern for a number of a line, and a name for it. @param {string} text @param {number} start @param {number} stop */
export function ruleFor(text, start, stop) {
  const before = text.slice(0, start).match(/(?:\S+\s*){1,4}$/)?.[0].slice(-BEFORE) ?? "";
  const after = before.trim() ? "" : text.slice(stop).match(/^\s*\S+/)?.[0] ?? "";
  const words = (before || after).match(/[A-Za-z_][\w-]*/g) ?? [];
  const name = words.filter((word) => !/^(?:is|of|the|at|to|it|now|and|was|are|a|an)$/i.test(word)).at(-1) ?? words.at(-1) ?? "value";
  return { name: name.toLowerCase(), pattern: general(before) + VALUE + general(after) };
}

/** A text as a pattern: as it is, but for its numbers and how wide its blanks are. @param {string} text */
function general(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\d+/g, "\\d+").replace(/\s+/g, "\\s+");
}

/** @param {{ run: string, lines: Unread[] }} props */
export function RuleMaker({ run, lines }) {
  const [rule, setRule] = useState({ name: "", pattern: "" });
  const [preview, setPreview] = useState(/** @type {Preview | null} */ (null));
  const [said, setSaid] = useState("");
  useEffect(() => {
    setPreview(null);
    if (!rule.pattern) return undefined;
    const timer = setTimeout(() => send(run, { ...rule, preview: true }, setPreview, setSaid), REST_MS);
    return () => clearTimeout(timer);
  }, [run, rule.name, rule.pattern]);
  const typed = (/** @type {"name" | "pattern"} */ key) => (/** @type {any} */ event) => (setSaid(""), setRule({ ...rule, [key]: event.target.value }));
  const make = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    send(run, rule, (found) => setSaid(`${plural(found.points, "point")} read; the experiment's later runs are read by it too`), setSaid);
  };
  return html`<p class="dim small">Click a number to make a rule that reads it.</p>
    <pre class="log">${lines.map((one) => html`<span class="dim">${one.line}: </span><${Numbers} text=${plain(one.text ?? "")} choose=${(/** @type {{ name: string, pattern: string }} */ made) => (setSaid(""), setRule(made))} />${"\n"}`)}</pre>
    <form class="tools" onSubmit=${make}>
      <label>Metric <input name="name" required value=${rule.name} onInput=${typed("name")} /></label>
      <label>Pattern, the number in brackets <input name="pattern" required size="48" placeholder="Loss is ([0-9.]+)" value=${rule.pattern} onInput=${typed("pattern")} /></label>
      <button type="submit">Read by this rule</button> <span role="status">${said}</span>
    </form>
    ${preview && html`<p class="small" role="status">${shown(preview, lines.length)}</p>`}
    ${preview !== null && preview.points > 0 && html`<p class="small dim">For every run of a folder, in its <code>outrider.toml</code>:</p><div class="command"><pre tabindex="0"><code>${toml(rule)}</code></pre><${Copy} text=${toml(rule)} /></div>`}`;
}

/** A line whose numbers can be clicked. @param {{ text: string, choose: (rule: { name: string, pattern: string }) => void }} props */
function Numbers({ text, choose }) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(NUMBER)) {
    const [start, stop] = [found.index, found.index + found[0].length];
    parts.push(text.slice(at, start), html`<button type="button" class="link" onClick=${() => choose(ruleFor(text, start, stop))}>${found[0]}</button>`);
    at = stop;
  }
  return [...parts, text.slice(at)];
}

/** @param {Preview} preview @param {number} count how many lines there are */
function shown({ read = [] }, count) {
  if (!read.length) return "It reads none of these lines.";
  const some = read.slice(-SHOWN).map((one) => Object.entries(one.metrics).map(([name, found]) => `${plain(name)} = ${value(found)}`).join(", "));
  return `It reads ${read.length} of these ${plural(Math.max(count, read.length), "line")}: ${some.join("; ")}`;
}

/** A rule as a file of rules has it. @param {{ name: string, pattern: string }} rule */
function toml({ name, pattern }) {
  return `[[metrics]]\nname = ${JSON.stringify(name)}\npattern = ${pattern.includes("'") ? JSON.stringify(pattern) : `'${pattern}'`}\n`;
}

/** @param {string} run @param {object} given @param {(found: any) => void} done @param {(wrong: string) => void} refused */
async function send(run, given, done, refused) {
  const answer = await fetch(`/api/v1/runs/${run}/rules`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) }).catch(() => null);
  if (!answer) return refused("The agent does not answer; on the machine: outrider ui");
  const found = await answer.json();
  return answer.ok ? done(found) : refused(found.error);
}
