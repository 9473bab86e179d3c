/** What part of the plane a chart shows. On a log axis, y ranges are in powers of ten. */

import type { Curve } from "./curves";

export type Range = [number, number];

/** The y range that holds every line and band between two x; null when there is nothing to show. */
export function yExtent(curves: Curve[], view: Range, log: boolean): Range | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { x, lo, hi, y } of curves) {
    for (let i = 0; i < x.length; i++) {
      if (x[i]! < view[0] || x[i]! > view[1]) continue;
      // The bounds of a bucket of infinities are NaN; each comparison with it is false.
      if (log) {
        if (lo[i]! > 0 && lo[i]! < low) low = lo[i]!;
        if (y[i]! > 0 && y[i]! < low) low = y[i]!;
        if (hi[i]! > 0 && hi[i]! > high) high = hi[i]!;
      } else {
        if (lo[i]! < low) low = lo[i]!;
        if (hi[i]! > high) high = hi[i]!;
      }
    }
  }
  if (!(low <= high)) return null;
  return log ? [Math.log10(low), Math.log10(high)] : [low, high];
}

/**
 * The y range from the 5th to the 95th percentile of the points between two x, and how many lie outside.
 *
 * Null where so few are there that a percentile says nothing.
 */
export function innerExtent(curves: Curve[], view: Range, log: boolean): { range: Range; clipped: number } | null {
  const values: number[] = [];
  for (const { x, y } of curves) {
    for (let i = 0; i < x.length; i++) {
      const value = y[i]!;
      if (x[i]! >= view[0] && x[i]! <= view[1] && Number.isFinite(value) && (!log || value > 0)) values.push(value);
    }
  }
  if (values.length < 20) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const [low, high] = [at(0.05), at(0.95)];
  // As much air as the chart draws around it does not count as outside.
  const air = log ? 0 : (high - low) * AIR;
  const clipped = sorted.reduce((sum, value) => sum + Number(value < low - air || value > high + air), 0);
  return { range: log ? [Math.log10(low), Math.log10(high)] : [low, high], clipped };
}

const AIR = 0.06;

/** A little air above and below, and a height for a line that is flat. */
export function padded([low, high]: Range, log: boolean, air = AIR): Range {
  const span = high - low;
  if (span > Math.abs(high) * 1e-12) return [low - span * air, high + span * air];
  const height = log ? 0.5 : Math.abs(low) * 0.1 || 1;
  return [low - height, high + height];
}

/**
 * A range that stays where it is until the data leaves it, or would fill less than
 * two thirds: points that come in live do not move the axes under the pointer.
 */
export class SteadyRange {
  #shown: Range | null = null;
  #why = "";

  /** `why` names what else decides (runs, zoom): when it changes, so does the range. A chart at rest fits exactly. */
  settle(why: string, wanted: Range, fitted: Range, live: boolean): Range {
    const shown = this.#shown;
    const keep =
      live &&
      shown !== null &&
      why === this.#why &&
      wanted[0] >= shown[0] &&
      wanted[1] <= shown[1] &&
      wanted[1] - wanted[0] >= (2 / 3) * (shown[1] - shown[0]);
    this.#why = why;
    this.#shown = keep ? shown : fitted;
    return this.#shown;
  }
}

/** The x range of a chart that may still grow: with room on the right, so that it seldom moves. */
export function xWithRoom([low, high]: Range, live: boolean): Range {
  if (high > low) return [low, live ? high + (high - low) * 0.04 : high];
  const width = Math.abs(low) * 0.05 || 1;
  return [low - width, high + width];
}

/** The x range on a log axis: from the least x above zero. */
export function aboveZero(curves: Curve[], [, high]: Range): Range | null {
  let low = Infinity;
  for (const { x } of curves) {
    for (let i = 0; i < x.length; i++) {
      if (!(x[i]! > 0)) continue;
      if (x[i]! < low) low = x[i]!;
      break;
    }
  }
  if (!(low <= high)) return null;
  return low < high ? [low, high] : [low / 2, high * 2];
}

/** A little more than what is shown, so that lines run to both edges of a zoomed chart. */
export function widened([low, high]: Range, share = 0.05): Range {
  const more = (high - low) * share;
  return [low - more, high + more];
}
