/** Histograms over time as pictures: a heat map by pixels, and a ridgeline by paths. */

import { heatColour } from "./colours";

export type Counts = (number[] | null)[];

/** The greatest part of a column that one bin holds, over all columns. */
export function densest(columns: Counts): number {
  let most = 0;
  for (const column of columns) {
    if (!column) continue;
    const sum = column.reduce((total, count) => total + count, 0);
    if (sum > 0) most = Math.max(most, Math.max(...column) / sum);
  }
  return most;
}

/**
 * A pixel for each column and bin, the greatest values at the top. Columns count by their share, since those
 * that merge more steps hold more values; where there is no histogram nothing is drawn.
 */
export function heatPixels(columns: Counts, bins: number, most: number, dark: boolean): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(columns.length * bins * 4);
  columns.forEach((column, x) => {
    if (!column) return;
    const sum = column.reduce((total, count) => total + count, 0);
    column.forEach((count, bin) => {
      // The root: a few values must be seen beside many.
      const share = sum > 0 && most > 0 ? Math.sqrt(count / sum / most) : 0;
      const [red, green, blue] = heatColour(share, dark);
      const at = ((bins - 1 - bin) * columns.length + x) * 4;
      pixels.set([red, green, blue, 255], at);
    });
  });
  return pixels;
}

export interface Ridge {
  /** Number of the column. */
  column: number;
  /** Where its ground is, from 0 at the top to 1. */
  base: number;
  /** Heights of the bins, in parts of the whole height. */
  heights: number[];
}

/** At most so many histograms, the first at the back; each rises over several of those behind it. */
export function ridgesOf(columns: Counts, most: number): Ridge[] {
  const filled = columns.flatMap((column, at) => (column ? [at] : []));
  const count = Math.min(most, filled.length);
  const densestShare = densest(columns);
  return Array.from({ length: count }, (_, i): Ridge => {
    const place = count === 1 ? 0 : Math.round((i * (filled.length - 1)) / (count - 1));
    const at = filled[place]!;
    const column = columns[at]!;
    const sum = column.reduce((total, one) => total + one, 0);
    const base = count === 1 ? 1 : 0.25 + (0.75 * (i + 1)) / count;
    return {
      column: at,
      base,
      heights: column.map((one) => (sum > 0 && densestShare > 0 ? (0.24 * one) / sum / densestShare : 0)),
    };
  });
}
