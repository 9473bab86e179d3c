/** What the lines say at one x: the rows of the tooltip. */

import { nearestIndex } from "./curves";
import type { Line } from "./painter";

export interface Reading {
  run: string;
  name: string;
  colour: string;
  /** As logged, or the mean of its bucket. */
  value: number;
  smoothed: number | null;
  /** Where the line is drawn at this point. */
  drawn: number;
  /** Of a group: how many runs, and half of how wide its band is. */
  n: number | null;
  half: number | null;
}

/** Each run's point nearest to `x`, best first; a run that has none within its own span, or `reach` of it, is left out. */
export function readingsAt(lines: Line[], x: number, reach: number): Reading[] {
  const readings: Reading[] = [];
  for (const { run, name, colour, curve, smoothed, faint } of lines) {
    if (faint) continue;
    const at = nearestIndex(curve.x, x);
    if (at === null) continue;
    if (x < curve.x[0]! - reach || x > curve.x[curve.x.length - 1]! + reach) continue;
    const value = curve.told[at]!;
    const drawn = smoothed ? smoothed[at]! : curve.y[at]!;
    const n = curve.n ? curve.n[at]! : null;
    const half = n === null ? null : (curve.hi[at]! - curve.lo[at]!) / 2;
    readings.push({ run, name, colour, value, smoothed: smoothed ? smoothed[at]! : null, drawn, n, half });
  }
  return readings.sort((a, b) => {
    const [left, right] = [a.smoothed ?? a.value, b.smoothed ?? b.value];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return left < right ? 1 : left > right ? -1 : 0;
  });
}

/** At most `most` rows, around the one of `run`. */
export function shortened(readings: Reading[], run: string | null, most: number): Reading[] {
  const at = Math.max(0, readings.findIndex((reading) => reading.run === run));
  const first = Math.max(0, Math.min(at - Math.floor(most / 2), readings.length - most));
  return readings.slice(first, first + most);
}
