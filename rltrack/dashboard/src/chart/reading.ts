/** What the lines say at one x: the rows of the tooltip. */

import { nearestIndex } from "./curves";
import type { Line } from "./painter";

export interface Reading {
  /** Of the line. */
  id: string;
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
  /** How much more than the baseline's value here; null for the baseline itself, and where there is none. */
  delta: number | null;
  /** The x of the point. */
  x: number;
  /** Where a value that is no number stands: since which x. */
  since: number | null;
  right: boolean;
}

/** Each run's point nearest to `x`, best first; a run that has none within its own span, or `reach` of it, is left out. */
export function readingsAt(lines: Line[], x: number, reach: number): Reading[] {
  const readings: Reading[] = [];
  for (const { id, run, name, colour, curve, smoothed, faint, left, right } of lines) {
    if (faint || left) continue;
    const at = nearestIndex(curve.x, x);
    if (at === null) continue;
    if (x < curve.x[0]! - reach || x > curve.x[curve.x.length - 1]! + reach) continue;
    const value = curve.told[at]!;
    const drawn = smoothed ? smoothed[at]! : curve.y[at]!;
    const n = curve.n ? curve.n[at]! : null;
    const half = n === null ? null : (curve.hi[at]! - curve.lo[at]!) / 2;
    const since = n === null && !Number.isFinite(value) ? firstOf(curve.told, curve.x, at) : null;
    readings.push({
      id, run, name, colour, value, delta: null, smoothed: smoothed ? smoothed[at]! : null, drawn, n, half,
      x: curve.x[at]!, since, right: right ?? false,
    });
  }
  compare(readings, lines);
  return readings.sort(byValue);
}

/** Each value less that of the baseline; of a chart with several metrics, of the same metric. */
function compare(readings: Reading[], lines: Line[]): void {
  const bases = new Map(lines.filter((line) => line.base).map((line) => [line.id, metricIn(line.id)]));
  if (bases.size === 0) return;
  const values = new Map(readings.flatMap((one) => (bases.has(one.id) ? [[bases.get(one.id)!, shown(one)]] : [])));
  for (const reading of readings) {
    const base = values.get(metricIn(reading.id));
    if (base !== undefined && !bases.has(reading.id)) reading.delta = shown(reading) - base;
  }
}

function metricIn(id: string): string {
  return id.slice(0, id.lastIndexOf("\n") + 1);
}

/** The first x of a stretch of equal values: since when it has been NaN. */
function firstOf(values: Float64Array, xs: Float64Array, at: number): number {
  while (at > 0 && Object.is(values[at - 1], values[at])) at -= 1;
  return xs[at]!;
}

const shown = ({ smoothed, value }: Reading) => smoothed ?? value;

/** The greatest first; what is no number last. */
function byValue(a: Reading, b: Reading): number {
  const [left, right] = [shown(a), shown(b)];
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  return left < right ? 1 : left > right ? -1 : 0;
}

export const TIP_ORDERS = ["near", "down", "up", "name"] as const;
export type TipOrder = (typeof TIP_ORDERS)[number];

const names = new Intl.Collator("en", { numeric: true });

/** Rows in the order that the reader chose; `away` is how far a line is from the pointer. */
export function ordered(readings: Reading[], order: TipOrder, away: (reading: Reading) => number): Reading[] {
  if (order === "name") return readings.toSorted((a, b) => names.compare(a.name, b.name));
  if (order === "near") {
    const placed = readings.map((reading) => ({ reading, distance: far(away(reading)) }));
    return placed.sort((a, b) => (a.distance < b.distance ? -1 : Number(a.distance > b.distance))).map(({ reading }) => reading);
  }
  const numbers = readings.filter((reading) => !Number.isNaN(shown(reading)));
  const others = readings.filter((reading) => Number.isNaN(shown(reading)));
  numbers.sort(byValue);
  return [...(order === "up" ? numbers.reverse() : numbers), ...others];
}

function far(distance: number): number {
  return Number.isNaN(distance) ? Infinity : distance;
}

/** At most `most` rows, around the one of `run`. */
export function shortened(readings: Reading[], run: string | null, most: number): Reading[] {
  const at = Math.max(0, readings.findIndex((reading) => reading.run === run));
  const first = Math.max(0, Math.min(at - Math.floor(most / 2), readings.length - most));
  return readings.slice(first, first + most);
}
