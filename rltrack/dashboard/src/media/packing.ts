/** How wide panels are, and which headings share a row, so that little room is left empty. */

import type { MediaPanel, MediaSection } from "./panels";

/** Columns that a panel would fill; the same at all steps, so that moving through them moves no panel. */
export function spanOf({ kind, entries }: MediaPanel): number {
  const runs = Math.max(1, entries.size);
  let most = 1;
  for (const list of entries.values()) for (const { items } of list) most = Math.max(most, items.length);
  if (kind === "tables" || kind === "graphs") return Infinity;
  if (kind === "plots" || kind === "audio") return 1;
  if (kind === "videos") return Math.ceil(runs * most * 0.7);
  if (kind === "images") return most > 1 ? Math.ceil(most * 0.45) : Math.ceil(runs / 2);
  return runs * most;
}

export interface PlacedSection extends MediaSection {
  /** Columns that it takes. */
  span: number;
}

/** Sections in rows that are all full; folded ones have a row of their own. */
export function placedSections(sections: MediaSection[], columns: number, isFolded: (section: MediaSection) => boolean): PlacedSection[] {
  const wanted = (section: MediaSection) =>
    isFolded(section) ? columns : Math.min(columns, section.panels.reduce((sum, panel) => sum + spanOf(panel), 0));
  const waiting = [...sections];
  const placed: PlacedSection[] = [];
  while (waiting.length) {
    const row: PlacedSection[] = [];
    let free = columns;
    for (let i = 0; i < waiting.length && free > 0; ) {
      const span = wanted(waiting[i]!);
      if (span > free) i += 1;
      else {
        row.push({ ...waiting.splice(i, 1)[0]!, span });
        free -= span;
      }
    }
    row[0]!.span += free;
    placed.push(...row);
  }
  return placed;
}
