// The scripts of an exported page: the portal's own charts and images over what is in the page. Everything else in it stands still.
import { render } from "preact";
import { Charts } from "./charts.js";
import { html } from "./html.js";
import { Images } from "./images.js";
import { json } from "./source.js";

/** @import { Run } from "./types" */

const run = /** @type {Run} */ (await json(`/runs/${document.documentElement.dataset.run}`));
const [charts, images] = [document.getElementById("charts"), document.getElementById("images")];
if (charts) {
  charts.replaceChildren();
  render(html`<section aria-label="Charts"><h2>Charts</h2><${Charts} run=${run} series=${true} /></section>`, charts);
}
if (images && (run.figures ?? []).some((one) => one.type.startsWith("image/"))) {
  render(html`<section aria-label="Images"><h2>Images</h2><${Images} runs=${[run]} /></section>`, images);
}
