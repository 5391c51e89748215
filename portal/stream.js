// Server-sent events that come back: after a lost connection, an agent's restart, or a tab that was hidden, from where they stopped.
// A hidden tab holds no connection: a browser has only six for a host, however many tabs are open.
import { live } from "./times.js";

const AGAIN_MS = 2000;

/**
 * @param {(since: string) => string} address where to listen, from an event's id on
 * @param {Record<string, (data: any) => void>} handlers by the event's name
 * @param {string} since
 */
export function listen(address, handlers, since) {
  /** @type {EventSource | null} */
  let source = null;
  let last = since;

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(address(last));
    source.onopen = () => live("live");
    source.onerror = () => {
      live("lost");
      close();
      setTimeout(open, AGAIN_MS);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        handle(JSON.parse(event.data));
      });
    }
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return open();
    live("paused");
    return close();
  });
  addEventListener("pagehide", close);
  open();
}
