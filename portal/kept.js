// What of one chart or picture is kept in the address: NAME=TITLE:VALUE behind the #.
import { useEffect, useState } from "preact/hooks";
import { parts, put } from "./hash.js";

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
