// Every metric of a run as a row: the figures behind the charts.
import { None } from "./empty.js";
import { grouped, plain, plural, value } from "./format.js";
import { html } from "./html.js";

/** @import { Series } from "./types" */

/** @param {{ series: Series[], isOver: boolean }} props */
export function Values({ series, isOver }) {
  if (!series.length) return html`<${None} of="metric" isOver=${isOver} />`;
  return html`<div class="card scroll" tabindex="0" role="region" aria-label="Values of every metric"><table class="list values">
    <thead><tr><th scope="col">Metric</th>${["Last", "At step", "Min", "Max", "Best", "Points"].map((name) => html`<th scope="col" class="right">${name}</th>`)}</tr></thead>
    <tbody>${series.map((one) => html`<tr key=${one.source + one.name}>
      <th scope="row"><bdi>${plain(one.name)}</bdi>${one.source !== "call" && one.source !== "log" && html` <span class="dim small">${one.source}</span>`}</th>
      <td class="right figure">${value(one.last)}</td><td class="right figure">${value(one.last_step)}</td><td class="right figure">${value(one.min)}</td><td class="right figure">${value(one.max)}</td>
      <td class="right figure">${one.best ? value(one[one.best]) : "-"}</td><td class="right figure">${grouped(one.count)}</td>
    </tr>`)}</tbody>
    <caption class="dim small">${plural(series.length, "metric")}</caption>
  </table></div>`;
}
