// What is looked at stands in the address: a link shows the same, and the browser's way back undoes a step.

/** @typedef {Record<string, string | string[] | number | null | undefined>} Query */

/** The address of the page with what is changed. Null, undefined and "" take a parameter away. @param {Query} change */
export function withQuery(change) {
  const address = new URL(location.href);
  for (const [name, given] of Object.entries(change)) {
    address.searchParams.delete(name);
    if (Array.isArray(given)) for (const one of given) address.searchParams.append(name, one);
    else if (given !== null && given !== undefined && given !== "") address.searchParams.set(name, String(given));
  }
  return address.pathname + address.search + address.hash;
}

/** Changes the address without a reload; `push` makes a step that the way back undoes. @param {Query} change @param {boolean} [push] */
export function setQuery(change, push = false) {
  const to = withQuery(change);
  if (to === location.pathname + location.search + location.hash) return;
  if (push) history.pushState(null, "", to);
  else history.replaceState(null, "", to);
}

/** @param {string} name @param {string} [otherwise] */
export function queried(name, otherwise = "") {
  return new URLSearchParams(location.search).get(name) ?? otherwise;
}
