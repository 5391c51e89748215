// Images of one run or several: a gallery, a slider over those of one name, side by side with one zoom.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { None } from "./empty.js";
import { plain, plural } from "./format.js";
import { put, without } from "./hash.js";
import { html } from "./html.js";
import { useKept } from "./kept.js";
import { distinct, labelOf } from "./labels.js";
import { address, isOffline, several } from "./source.js";

/** @import { Figure, Run } from "./types" */
/** @typedef {Partial<Run> & { run_id: string }} Known */
/** @typedef {{ run: Known, label: string, figures: Figure[] }} Owned images of one name of one run, in the order logged */

const PICTURES = /^image\/(png|jpe?g|gif|webp|svg\+xml|bmp)$/;
const VIEW = "&view=1";
/** How far all pictures are zoomed, and what they show: shares of their width and height. */
const zoom = signal({ by: 1, x: 0, y: 0 });

/** Zooms all pictures; in the address. @param {{ by: number, x: number, y: number }} to */
function look(to) {
  const { by, x, y } = to;
  zoom.value = { by, x: limited(x, by), y: limited(y, by) };
  put([...without("zoom"), ...(by === 1 ? [] : [`zoom=${[by, x, y].map((one) => Number(one.toFixed(3))).join(",")}`])]);
}

/** What the address says. */
function fromAddress() {
  const [by = 1, x = 0, y = 0] = (new URLSearchParams(location.hash.slice(1)).get("zoom") ?? "1").split(",").map(Number);
  zoom.value = by > 1 && by <= 8 ? { by, x: limited(x || 0, by), y: limited(y || 0, by) } : { by: 1, x: 0, y: 0 };
}

/** @param {{ runs: Known[] }} props as the API gives them, or by their ids alone */
export function Images({ runs }) {
  const [whole, setWhole] = useState(/** @type {Known[] | null} */ (null));
  const [arranged, arrange] = useKept("pictures", "");
  useEffect(fromAddress, []);
  const isBeside = arranged === null ? runs.length > 1 : arranged === "beside";
  const key = runs.map((run) => `${run.run_id}:${run.figures?.length}`).join();
  useEffect(() => {
    let isWanted = true;
    const reading = runs.every((run) => run.figures) ? Promise.resolve(runs) : several(runs.map((run) => run.run_id)).then((all) => all.map(({ run }) => run));
    reading.then((found) => isWanted && setWhole(distinct(found)), () => isWanted && setWhole([]));
    return () => void (isWanted = false);
  }, [key]);
  if (whole === null) return html`<p class="dim" role="status">Reading…</p>`;
  const names = byName(whole);
  if (!names.size) return html`<${None} of="image" isOver=${whole.every((run) => run.ended)} />`;
  const most = Math.max(...[...names.values()].flatMap((owned) => owned.map((one) => one.figures.length)));
  return html`<div class="images">${!isOffline && html`<h2 class="skip">Images</h2>`}
    <div class="tools automl-tools">
      ${whole.length > 1 && html`<div class="choice" role="group" aria-label="Arrangement">
        <button type="button" aria-pressed=${isBeside} onClick=${() => arrange("beside")}>Side by side</button>
        <button type="button" aria-pressed=${!isBeside} onClick=${() => arrange("gallery")}>Gallery</button>
      </div>`}
      <label class="slider">Zoom <input type="range" min="1" max="8" step="0.25" value=${zoom.value.by} onInput=${(/** @type {any} */ event) => look({ ...zoom.value, by: Number(event.target.value) })} /> <output class="figure">${zoom.value.by}×</output></label>
      ${zoom.value.by > 1 && html`<button type="button" onClick=${() => look({ by: 1, x: 0, y: 0 })}>Whole pictures</button>`}
    </div>
    ${most > 1 && isBeside && html`<p class="dim small">The slider of a picture moves those beside it too.</p>`}
    ${isBeside ? [...names].map(([name, owned]) => html`<${Beside} key=${name} name=${name} owned=${owned} runs=${whole} />`) : html`<div class="gallery">${[...names].flatMap(([name, owned]) => owned.map((one) => html`<${Picture} key=${name + one.run.run_id} name=${name} of=${one} isNamed=${whole.length > 1} />`))}</div>`}
  </div>`;
}

/** @param {Known[]} runs */
function byName(runs) {
  /** @type {Map<string, Owned[]>} */
  const found = new Map();
  for (const run of runs) {
    for (const figure of run.figures ?? []) {
      if (!PICTURES.test(figure.type)) continue;
      const owned = found.get(figure.name) ?? [];
      const mine = owned.find((one) => one.run === run);
      if (mine) mine.figures.push(figure);
      else owned.push({ run, label: labelOf(run), figures: [figure] });
      found.set(figure.name, owned);
    }
  }
  return found;
}

/** @param {Known} run */
function hasPictures(run) {
  return (run.figures ?? []).some((one) => PICTURES.test(one.type));
}

/** Which picture of a name is shown; unasked the last. @param {string} name @param {number} count @returns {[number, (place: number) => void]} */
function usePlace(name, count) {
  const [kept, keep] = useKept("picture", name);
  const place = kept === null || !(Number(kept) >= 1) ? count - 1 : Math.min(count, Math.round(Number(kept))) - 1;
  return [place, (now) => keep(now === count - 1 ? null : String(now + 1))];
}

/** One name, a column for each run that has images, one slider for all. @param {{ name: string, owned: Owned[], runs: Known[] }} props */
function Beside({ name, owned, runs }) {
  const most = Math.max(...owned.map((one) => one.figures.length));
  const [place, setPlace] = usePlace(name, most);
  const columns = runs.filter(hasPictures).map((run) => owned.find((one) => one.run === run) ?? { run, label: labelOf(run), figures: [] });
  return html`<section class="card picture" aria-label=${plain(name)}>
    <h3><bdi>${plain(name)}</bdi></h3>
    ${most > 1 && html`<${Slider} name=${name} count=${most} place=${place} move=${setPlace} />`}
    <div class="gallery beside" style=${`--across: ${Math.min(columns.length, 4)}`}>
      ${columns.map((one) => html`<div><p class="small"><a href=${`/runs/${one.run.run_id}`}><bdi>${one.label}</bdi></a></p>${one.figures.length === 0 ? html`<p class="dim small">It has none of this name.</p>` : html`<${Shown} figure=${one.figures[Math.min(place, one.figures.length - 1)]} name=${name} label=${one.label} />`}
        ${one.figures.length > 0 && place >= one.figures.length && html`<p class="dim small">its last, number ${one.figures.length}</p>`}</div>`)}
    </div>
  </section>`;
}

/** @param {{ name: string, of: Owned, isNamed: boolean }} props */
function Picture({ name, of, isNamed }) {
  const [place, setPlace] = usePlace(name, of.figures.length);
  const figure = of.figures[Math.min(place, of.figures.length - 1)];
  return html`<article class="card picture">
    <h3 title=${plain(name)}><bdi>${plain(name)}</bdi>${isNamed && html` <span class="dim"><bdi>${of.label}</bdi></span>`}</h3>
    ${of.figures.length > 1 && html`<${Slider} name=${name} count=${of.figures.length} place=${place} move=${setPlace} />`}
    <${Shown} figure=${figure} name=${name} label=${of.label} />
    ${figure?.description && html`<p class="dim small">${plain(figure.description)}</p>`}
  </article>`;
}

/** @param {{ name: string, count: number, place: number, move: (place: number) => void }} props */
function Slider({ name, count, place, move }) {
  return html`<label class="slider small"><span>Picture</span> <input type="range" min="0" max=${count - 1} value=${place} aria-label=${`Which picture of ${plain(name)}`} onInput=${(/** @type {any} */ event) => move(Number(event.target.value))} /> <output class="figure">${place + 1} of ${plural(count, "picture")}</output></label>`;
}

/** A picture, zoomed as all are: the wheel with Ctrl, a drag moves. @param {{ figure: Figure | undefined, name: string, label: string }} props */
function Shown({ figure, name, label }) {
  if (!figure) return null;
  const { by, x, y } = zoom.value;
  const where = address(`${figure.url}${VIEW}`);
  const drag = (/** @type {PointerEvent} */ event) => {
    if (!event.buttons || by === 1) return;
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    look({ by, x: limited(x + event.movementX / box.width, by), y: limited(y + event.movementY / box.height, by) });
  };
  const wheel = (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const next = Math.min(8, Math.max(1, by * (event.deltaY < 0 ? 1.2 : 1 / 1.2)));
    look({ by: next, x: limited(x, next), y: limited(y, next) });
  };
  return html`<figure onPointerMove=${drag} onWheel=${wheel}>
    <a href=${where} target="_blank" rel="noopener" onClick=${(/** @type {Event} */ event) => by > 1 && event.preventDefault()} draggable=${false}><img src=${where} alt=${`${plain(name)} of ${label}`} loading="lazy" draggable=${false} style=${`transform: translate(${x * 100}%, ${y * 100}%) scale(${by})`} /></a>
  </figure>`;
}

/** Not beyond the picture's edges. @param {number} at @param {number} by */
function limited(at, by) {
  return Math.min(0, Math.max(1 - by, at));
}
