// A part of the page whose module is read when it is first shown; until then, and where there is none, what stands inside.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";

/** @param {{ module: string | undefined, name: string, given: object, children?: any }} props */
export function Later({ module, name, given, children }) {
  const [Part, setPart] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (module) import(module).then((found) => setPart(() => found[name]), () => undefined);
  }, [module, name]);
  return Part ? html`<${Part} ...${given} />` : children;
}
