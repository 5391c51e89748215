// Colours of lines and classes, told apart without colour too: after a round of them the dashes change. The colours stand in chart.css.

/** So many colours there are. */
export const COLOURS = 8;
const DASHES = [null, [7, 4], [2, 3], [9, 3, 2, 3]];

/** A colour of the page's theme. @param {string} name */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {number} place @param {number} [share] how opaque */
export function colourOf(place, share = 1) {
  const found = token(`c${place % COLOURS}`) || token("line");
  return share === 1 ? found : `${found}${Math.round(share * 255).toString(16).padStart(2, "0")}`;
}

/** @param {number} place @returns {number[] | null} */
export function dashOf(place) {
  return DASHES[Math.floor(place / COLOURS) % DASHES.length] ?? null;
}

/** For SVG, where the style sheet says the colour. @param {number} place */
export function classOf(place) {
  return `c${place % COLOURS} d${Math.floor(place / COLOURS) % DASHES.length}`;
}
