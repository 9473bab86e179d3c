/** Every key that does something, and what it does: what the list of keys shows is what `onKeys` may act on. */

export const PLACES = ["everywhere", "runs", "charts", "media", "reports"] as const;

export interface Shortcut {
  /** As `keyOf` names them; each does the same. */
  keys: readonly string[];
  says: string;
  where: (typeof PLACES)[number];
  /** Not worth a line in the box that finds everything: it moves one thing by one. */
  small?: true;
}

export const SHORTCUTS = [
  { keys: ["Ctrl+k"], says: "go anywhere: runs, metrics, pages, actions", where: "everywhere", small: true },
  { keys: ["Ctrl+/", "?"], says: "list the keys that work here", where: "everywhere" },
  { keys: ["Ctrl+z"], says: "take back what was changed last", where: "everywhere" },
  { keys: ["Ctrl+Shift+z", "Ctrl+y"], says: "do it again", where: "everywhere" },
  { keys: ["Ctrl+s"], says: "save the view, or the report", where: "everywhere" },
  { keys: ["t"], says: "light or dark theme", where: "everywhere" },
  { keys: ["/"], says: "filter runs", where: "runs" },
  { keys: ["Ctrl+j", "l"], says: "fold or unfold the run list", where: "runs" },
  { keys: ["w"], says: "the run table alone, or with charts", where: "runs" },
  { keys: ["g"], says: "group by everything but the seed, or not", where: "runs" },
  { keys: ["d"], says: "compare the chosen runs, or those that are drawn", where: "runs" },
  { keys: ["j"], says: "the next row", where: "runs", small: true },
  { keys: ["k"], says: "the row before", where: "runs", small: true },
  { keys: [" "], says: "draw or hide the row", where: "runs", small: true },
  { keys: ["x"], says: "choose the row, to do something with it", where: "runs", small: true },
  { keys: ["Enter"], says: "open the run, or unfold the group", where: "runs", small: true },
  { keys: ["m"], says: "filter metrics", where: "charts" },
  { keys: ["f"], says: "fill the screen with the chart under the pointer", where: "charts" },
  { keys: ["ArrowLeft"], says: "the chart before this", where: "charts", small: true },
  { keys: ["ArrowRight"], says: "the chart after this", where: "charts", small: true },
  { keys: ["z"], says: "the zoom before", where: "charts" },
  { keys: ["Z"], says: "the zoom after", where: "charts" },
  { keys: ["r"], says: "reset the zoom", where: "charts" },
  { keys: ["[", "Ctrl+arrowleft"], says: "the step before, of all media", where: "media", small: true },
  { keys: ["]", "Ctrl+arrowright"], says: "the step after, of all media", where: "media", small: true },
  { keys: ["Ctrl+arrowdown"], says: "ten steps before", where: "media", small: true },
  { keys: ["Ctrl+arrowup"], says: "ten steps after", where: "media", small: true },
  { keys: ["e"], says: "write the report, or read it", where: "reports" },
] as const satisfies readonly Shortcut[];

export type Key = (typeof SHORTCUTS)[number]["keys"][number];

/** What a press of keys is called here: `Ctrl+z`, `Z`, `?`. Ctrl is the key with ⌘ on a Mac. */
export function keyOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">): string | null {
  if (event.altKey) return null;
  if (!event.ctrlKey && !event.metaKey) return event.key;
  return `Ctrl+${event.shiftKey ? "Shift+" : ""}${event.key.toLowerCase()}`;
}

const NAMES: Record<string, string> = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  arrowleft: "←",
  arrowright: "→",
  arrowdown: "↓",
  arrowup: "↑",
};

/** The caps of a key, as they are shown: `Ctrl`, `Z`. */
export function capsOf(key: string, mac: boolean): string[] {
  const parts = key === "+" ? ["+"] : key.split("+");
  return parts.map((part) => {
    if (part === "Ctrl") return mac ? "⌘" : "Ctrl";
    return NAMES[part] ?? (parts.length > 1 && part.length === 1 ? part.toUpperCase() : part);
  });
}
