import { openChanges } from "./api";
import { link } from "./link.svelte";
import type { Change } from "./types";

/**
 * Hear of changes, of one project or of the list of projects (null), until the
 * function that comes back is called.
 *
 * The stream is open only while the tab is on screen: a browser opens six connections
 * to a server, and a seventh tab would wait for ever. Each time it opens, the server
 * first tells the present version, so that the listener can catch up.
 */
export function follow(project: string | null, hear: (change: Change) => void): () => void {
  let stream: { close(): void } | null = null;

  const close = () => {
    stream?.close();
    stream = null;
  };
  const open = () => {
    if (stream || document.visibilityState !== "visible") return;
    stream = openChanges(
      project,
      (change) => {
        link.heard();
        hear(change);
      },
      () => {
        stream = null;
        link.lost();
      },
    );
  };
  const look = () => (document.visibilityState === "visible" ? open() : close());

  document.addEventListener("visibilitychange", look);
  const forget = link.onRecovery(open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", look);
    forget();
    close();
  };
}
