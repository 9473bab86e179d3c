/** Why a file is not there. */

import type { MediaItem } from "../server/types";

const TOLD: Record<MediaItem["state"], string | null> = {
  ready: null,
  pending: "being written…",
  failed: "could not be written",
  lost: "lost with the process",
};

/** In words; null if it is there. */
export function whyMissing(item: MediaItem): string | null {
  if (item.state === "lost" && item.error && !item.error.startsWith("lost with")) return "not here";
  return TOLD[item.state];
}
