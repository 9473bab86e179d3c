/** Two texts as rows of two columns: what is equal stands beside itself, what changed beside what it became. */

import { diffLines } from "diff";

export interface SideRow {
  kind: "same" | "changed" | "added" | "removed";
  before: { number: number; text: string } | null;
  after: { number: number; text: string } | null;
}

export function sidesOf(before: string, after: string): SideRow[] {
  const rows: SideRow[] = [];
  let [old, now] = [0, 0];
  let removed: string[] = [];
  const flush = (added: string[]) => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const left = i < removed.length ? { number: ++old, text: removed[i]! } : null;
      const right = i < added.length ? { number: ++now, text: added[i]! } : null;
      rows.push({ kind: left && right ? "changed" : left ? "removed" : "added", before: left, after: right });
    }
    removed = [];
  };
  for (const part of diffLines(before, after)) {
    const lines = part.value.replace(/\n$/, "").split("\n");
    if (part.removed) removed = lines;
    else if (part.added) flush(lines);
    else {
      flush([]);
      for (const text of lines) {
        rows.push({ kind: "same", before: { number: ++old, text }, after: { number: ++now, text } });
      }
    }
  }
  flush([]);
  return rows;
}

export type Folded = SideRow | { kind: "fold"; rows: SideRow[] };

/** Long runs of equal rows, but for some around each change, as one. */
export function folded(rows: SideRow[], around = 3): Folded[] {
  const near = new Uint8Array(rows.length);
  rows.forEach((row, i) => {
    if (row.kind === "same") return;
    near.fill(1, Math.max(0, i - around), Math.min(rows.length, i + around + 1));
  });
  const found: Folded[] = [];
  for (let i = 0; i < rows.length; ) {
    let end = i;
    while (end < rows.length && !near[end]) end++;
    if (end - i > 1) {
      found.push({ kind: "fold", rows: rows.slice(i, end) });
      i = end;
    } else found.push(rows[i++]!);
  }
  return found;
}
