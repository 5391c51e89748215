// What of one chart or picture is kept in the address: NAME=TITLE:VALUE behind the #.
import { useEffect, useState } from "preact/hooks";
import { decoded, parts, put } from "./hash.js";
import { html } from "./html.js";

/** @param {string} name @param {string} title of the chart @returns {[string | null, (value: string | null) => void]} null: as it begins */
export function useKept(name, title) {
  const prefix = `${name}=${encodeURIComponent(title)}:`;
  const read = () => parts().find((part) => part.startsWith(prefix))?.slice(prefix.length) ?? null;
  const [now, set] = useState(read);
  useEffect(() => {
    const moved = () => set(read());
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, [prefix]);
  return [now, (value) => {
    set(value);
    put([...parts().filter((part) => !part.startsWith(prefix)), ...(value === null ? [] : [prefix + value])]);
  }];
}

/** Something that is on or off, as it begins off. @param {string} name @param {string} title @returns {[boolean, (on: boolean) => void]} */
export function useSwitch(name, title) {
  const [kept, keep] = useKept(name, title);
  return [kept === "1", (on) => keep(on ? "1" : null)];
}

/** What is typed to find something. @param {string} name @param {string} title @returns {[string, (text: string) => void]} */
export function useTyped(name, title) {
  const [kept, keep] = useKept(name, title);
  return [decoded(kept ?? ""), (text) => keep(encodeURIComponent(text) || null)];
}

/** A part of the page that is opened and shut. @param {{ title: string, open?: boolean, class?: string, children?: any }} props `open`: how it begins */
export function Fold({ title, open = false, children, ...more }) {
  const [kept, keep] = useKept("fold", title);
  const isOpen = kept === null ? open : kept === "1";
  const toggled = (/** @type {any} */ { currentTarget: { open: now } }) => now !== isOpen && keep(now === open ? null : now ? "1" : "0");
  return html`<details ...${more} open=${isOpen} onToggle=${toggled}>${children}</details>`;
}
