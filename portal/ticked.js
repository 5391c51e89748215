// Which runs of a list are chosen, as the address has it: of each experiment the numbers, neighbours as a span. `vision:1-4,9;ridge:3`. Pure.
// A list of ten thousand may be chosen whole: their ids would be no address.
import { decoded } from "./hash.js";

/** Letters of one query at most, but for the experiment's name. */
const LETTERS = 1200;

/** @param {Iterable<{ experiment: string, number: number }>} runs @returns {string} empty: none */
export function spelled(runs) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  for (const { experiment, number } of runs) {
    const numbers = found.get(experiment);
    if (numbers) numbers.push(number);
    else found.set(experiment, [number]);
  }
  return [...found].map(([experiment, numbers]) => `${encodeURIComponent(experiment)}:${spans(numbers)}`).join(";");
}

/** @param {number[]} numbers */
function spans(numbers) {
  /** @type {[number, number][]} */
  const found = [];
  for (const number of numbers.sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last && number <= last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** Queries that find these runs, each short enough to be asked. What is no such text finds nothing. @param {string} text @returns {string[]} */
export function queriesFor(text) {
  return text.split(";").flatMap((part) => {
    const [, name = "", listed = ""] = /^([^:]*):([\d,-]+)$/.exec(part) ?? [];
    /** @type {string[][]} */
    const groups = [];
    let letters = LETTERS;
    for (const [, from, to] of listed.matchAll(/(\d+)(?:-(\d+))?/g)) {
      const test = to === undefined ? `number = ${from}` : `number >= ${from} and number <= ${to}`;
      letters += test.length + 4;
      if (letters > LETTERS) {
        groups.push([]);
        letters = 0;
      }
      groups.at(-1)?.push(test);
    }
    return groups.map((tests) => `experiment = "${decoded(name).replace(/["\\]/g, "\\$&")}" and (${tests.join(" or ")})`);
  });
}
