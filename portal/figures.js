// Figures as they were logged: pictures to look at, charts as the files that their data are.
import { plain } from "./format.js";
import { html } from "./html.js";

/** @import { Figure } from "./types" */

/** @param {{ figures: Figure[] }} props */
export function Figures({ figures }) {
  if (!figures.length) return html`<p class="card dim pad">None yet. A script logs them by <code>run.log_image(…)</code>, or by <code>run.log_confusion_matrix(…)</code> and its like.</p>`;
  return html`<div class="gallery">${figures.map((one) => {
    const isPicture = one.type.startsWith("image/");
    const address = isPicture ? `${one.url}&view=1` : one.url;
    return html`<figure class="card" key=${one.url}>
      ${isPicture && html`<a href=${address} target="_blank" rel="noopener"><img src=${address} alt=${plain(one.name)} loading="lazy" /></a>`}
      <figcaption><a href=${address} title=${one.type} target="_blank" rel="noopener"><bdi>${plain(one.name)}</bdi></a>${one.description && html` <span class="dim">${plain(one.description)}</span>`}</figcaption>
    </figure>`;
  })}</div>`;
}
