/** Where media stand along a training, and which of them are shown at a step. */

import type { MediaItem } from "../server/types";

/** What was logged under one name at one step. */
export interface Entry {
  at: number;
  items: MediaItem[];
}

/** Timesteps where the run counts them, else the row's step. */
export function placeOf(item: MediaItem): number {
  return item.global_step ?? item.step ?? 0;
}

/** Items of one name, by their step, ascending. */
export function entriesOf(items: MediaItem[]): Entry[] {
  const byStep = new Map<number, MediaItem[]>();
  for (const item of items) {
    const at = placeOf(item);
    const known = byStep.get(at);
    if (known) known.push(item);
    else byStep.set(at, [item]);
  }
  return [...byStep].map(([at, found]) => ({ at, items: found })).sort((a, b) => a.at - b.at);
}

/** The last entry up to a step, or the first where all come later; null: the last of all. */
export function entryAt(entries: Entry[], at: number | null): Entry | null {
  if (entries.length === 0) return null;
  if (at === null) return entries.at(-1)!;
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return entries[Math.max(0, low - 1)]!;
}

/** Every step at which something changes, ascending. */
export function stepsOf(lists: Entry[][]): number[] {
  return [...new Set(lists.flatMap((entries) => entries.map(({ at }) => at)))].sort((a, b) => a - b);
}

/** The step some places further; the last one is null, so that what is logged next is shown, too. */
export function moved(steps: number[], at: number | null, by: number): number | null {
  if (steps.length === 0) return at;
  const place = at === null ? steps.length - 1 : steps.findLastIndex((step) => step <= at);
  const next = Math.max(0, Math.min(steps.length - 1, place + by));
  return next === steps.length - 1 ? null : steps[next]!;
}
