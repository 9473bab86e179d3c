/** What the box that finds everything can find, and in which order. */

import { fit } from "./rank";

export const KINDS = ["action", "page", "view", "report", "project", "run", "metric", "artifact"] as const;
export type Kind = (typeof KINDS)[number];

export interface Item {
  /** The same thing has the same id, whenever it is found. */
  id: string;
  kind: Kind;
  title: string;
  detail?: string;
  /** The key that does the same. */
  key?: string | null;
  /** Where it leads; else `act` does it. */
  href?: string;
  act?: () => void;
  /** The server found it by what is not in its title. */
  found?: boolean;
}

export interface Found {
  item: Item;
  marks: [number, number][];
}

/** With one of these in front, only that kind is looked for. */
export const PREFIXES: Record<string, Kind> = { ">": "action", "@": "run", "#": "metric", "~": "artifact", "^": "project" };

export function parseQuery(text: string): { kind: Kind | null; query: string } {
  const kind = PREFIXES[text[0] ?? ""] ?? null;
  return { kind, query: (kind ? text.slice(1) : text).trim() };
}

/** `stop ppo`: runs are looked for by what follows. */
export function parseStop(query: string): { stop: boolean; of: string } {
  const found = /^stop(?:\s+(.*))?$/i.exec(query);
  return found ? { stop: true, of: found[1] ?? "" } : { stop: false, of: query };
}

/** What was chosen lately counts this much more, the last most. */
const RECENT = 30;
const FOUND_ELSEWHERE = 30;
const RUN_OF_MANY = -4;
const ALL_OF_A_KIND = 50;

/** The items that fit, best first; with nothing typed, those chosen lately, and then all in their order. */
export function found(items: Item[], text: string, recent: string[]): Found[] {
  const { kind, query } = parseQuery(text);
  const places = new Map(recent.map((id, at) => [id, at]));
  const seen = new Set<string>();
  const scored: (Found & { score: number; at: number })[] = [];
  items.forEach((item, at) => {
    if ((kind && item.kind !== kind) || seen.has(item.id)) return;
    seen.add(item.id);
    const fitting = fit(query, item.title) ?? byKind(query, item) ?? (item.found ? { score: FOUND_ELSEWHERE, marks: [] } : null);
    if (!fitting) return;
    const place = places.get(item.id);
    const lately = place === undefined ? 0 : query ? RECENT / (1 + place / 4) : 1000 - place;
    const many = query && (item.kind === "run" || item.kind === "metric") ? RUN_OF_MANY : 0;
    scored.push({ item, marks: fitting.marks, score: fitting.score + lately + many, at });
  });
  return scored.sort((a, b) => b.score - a.score || a.at - b.at).map(({ item, marks }) => ({ item, marks }));
}

/** `view losses`: one of the words may say what it is. */
function byKind(query: string, { kind, title }: Item): { score: number; marks: [number, number][] } | null {
  const words = query.toLowerCase().split(/\s+/);
  const rest = words.filter((word) => word !== kind && word !== `${kind}s`);
  if (rest.length === words.length) return null;
  return rest.length ? fit(rest.join(" "), title) : { score: ALL_OF_A_KIND, marks: [] };
}
