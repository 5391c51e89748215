// The scripts of an exported page: the portal's own charts and images over what is in the page. Everything else in it stands still. In a notebook
// the page is in a frame, and while the run goes on the notebook tells it what came.
import { render } from "preact";
import { Charts } from "./charts.js";
import { html } from "./html.js";
import { Images } from "./images.js";
import { json, renew } from "./source.js";

/** @import { Run } from "./types" */

const [charts, images] = [document.getElementById("charts"), document.getElementById("images")];
for (const part of [charts, images]) part?.replaceChildren();

async function draw() {
  const run = /** @type {Run} */ (await json(`/runs/${document.documentElement.dataset.run}`));
  document.documentElement.toggleAttribute("data-framed", parent !== window);
  document.documentElement.toggleAttribute("data-live", parent !== window && run.ended === null);
  if (charts) render(html`<section aria-label="Charts"><h2>Charts</h2><${Charts} run=${run} series=${true} /></section>`, charts);
  if (images && (run.figures ?? []).some((one) => one.type.startsWith("image/"))) {
    render(html`<section aria-label="Images"><h2>Images</h2><${Images} runs=${[run]} /></section>`, images);
  }
}

addEventListener("message", async (event) => {
  const packed = event.source === parent && parent !== window ? event.data?.outrider : undefined;
  if (typeof packed !== "string") return;
  await renew(packed);
  await draw();
});
await draw();
