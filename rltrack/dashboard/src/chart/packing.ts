/** Sections side by side: small ones share a row of charts, and every row is filled. */

import type { Section } from "./sections";

export interface PackedSection extends Section {
  /** How many columns of charts it takes. */
  span: number;
}

export function packed(sections: Section[], columns: number, isFolded: (name: string) => boolean): PackedSection[] {
  const wanted = (section: Section) =>
    isFolded(section.name)
      ? columns
      : Math.min(
          columns,
          section.charts.reduce((sum, { setup }) => sum + (setup.wide ?? 1), 0),
        );
  const waiting = [...sections];
  const rows: PackedSection[] = [];
  while (waiting.length) {
    const row: PackedSection[] = [];
    let free = columns;
    for (let i = 0; i < waiting.length && free > 0; ) {
      const span = wanted(waiting[i]!);
      if (span > free) {
        i += 1;
        continue;
      }
      row.push({ ...waiting.splice(i, 1)[0]!, span });
      free -= span;
    }
    // What is left over is shared out, to the section that was to come first before the others.
    for (let i = 0; i < free; i++) row[i % row.length]!.span += 1;
    rows.push(...row);
  }
  return rows;
}
