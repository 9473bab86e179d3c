/** What was chosen lately in the box that finds everything, kept in this browser. */

import type { Item } from "./items";

const STORED = "rltrack-recent";
const MOST = 12;

/** Actions are kept by their id alone: what they do is on the page. */
export type Recent = Omit<Item, "act" | "key">;

export function recentItems(): Recent[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.id === "string" && typeof one.title === "string") : [];
  } catch {
    return [];
  }
}

export function keepRecent({ id, kind, title, detail, href }: Item): void {
  const others = recentItems().filter((one) => one.id !== id);
  try {
    localStorage.setItem(STORED, JSON.stringify([{ id, kind, title, detail, href }, ...others].slice(0, MOST)));
  } catch {
    // Storage may be forbidden; then nothing is recent.
  }
}
