// What stands behind the # of the address: parts by name, of which each view writes its own and leaves the others.

/** @returns {string[]} `name=value` */
export function parts() {
  return location.hash.slice(1).split("&").filter((part) => part);
}

/** Those of others. @param {string[]} ours names */
export function without(...ours) {
  return parts().filter((part) => !ours.includes(part.split("=", 1)[0] ?? ""));
}

/** @param {string} text as it stands in an address */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string[]} found @param {boolean} [isStep] is it one that the browser goes back from? */
export function put(found, isStep = false) {
  const address = new URL(location.href);
  address.hash = found.join("&");
  if (address.href === location.href) return;
  try {
    if (isStep) history.pushState(null, "", address);
    else history.replaceState(history.state, "", address);
  } catch {
    // A page in a page, or one that was opened from a file, may have an address that nobody changes: then the view is not in it.
  }
}
