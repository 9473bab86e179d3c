/** One run's points of one chart, taken out of the grid that all runs of the chart share. */

import type { BandFrame, PanelFrame, SeriesFrame } from "../server/frame";

export interface Curve {
  run: string;
  /** The x of each bucket in which the run has a point; all columns below are as long. */
  x: Float64Array;
  /** The line: the last value when exact, the mean otherwise. NaN breaks it. */
  y: Float64Array;
  lo: Float64Array;
  hi: Float64Array;
  /** The value to tell: as `y`, but infinities keep their sign. */
  told: Float64Array;
  /** Where not-finite values are, for the marks at the edges. */
  nan: number[];
  /** The last number before each NaN, where its mark stands; NaN where there is none. */
  nanY: number[];
  posInf: number[];
  negInf: number[];
  /** Of a group: how many runs have a value at each point. */
  n?: Float64Array;
}

export function curvesOf(frame: PanelFrame): Curve[] {
  const x = frame.grid.slice();
  return frame.series.map((series) => plainCurve(series, x, frame.exact) ?? curveOf(series, frame.grid, frame.exact));
}

/** The line of each group, where any of its runs has a value. */
export function bandCurves(frame: PanelFrame): Curve[] {
  return frame.bands.map((band) => bandCurve(band, frame.grid));
}

/** What each run left behind: the values as logged, and no band. */
export function leftCurves(frame: PanelFrame): Curve[] {
  return frame.left.map(({ run, x, y }) => ({
    run, x, y: y.map((value) => (Number.isFinite(value) ? value : NaN)), lo: y, hi: y, told: y,
    nan: [], nanY: [], posInf: [], negInf: [],
  }));
}

function bandCurve({ group, count, centre, low, high }: BandFrame, grid: Float64Array): Curve {
  const there = (column: Float64Array) => column.filter((_, i) => count[i]! > 0);
  const y = there(centre);
  return {
    run: group, x: there(grid), y, lo: there(low), hi: there(high), told: y, nan: [], nanY: [], posInf: [], negInf: [],
    n: there(count),
  };
}

/**
 * The line of a run with a number in each bucket, as most are; null where there is more to tell.
 *
 * The columns are copies: a column is sent to the worker with all of the answer that it is a part of.
 */
function plainCurve({ run, count, nan, pos_inf, neg_inf, min, max, mean, last }: SeriesFrame, x: Float64Array, exact: boolean): Curve | null {
  const value = exact ? last : mean;
  for (let i = 0; i < x.length; i++) {
    if (!(count[i]! > 0) || !Number.isFinite(value[i]!) || nan[i]! > 0 || pos_inf[i]! > 0 || neg_inf[i]! > 0) return null;
  }
  const y = value.slice();
  const copy = (column: Float64Array) => (isSame(column, value) ? y : column.slice());
  return { run, x, y, lo: copy(min), hi: copy(max), told: y, nan: [], nanY: [], posInf: [], negInf: [] };
}

/** Whether they are one column: those that are equal are sent once. */
function isSame(a: Float64Array, b: Float64Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

function curveOf(series: SeriesFrame, grid: Float64Array, exact: boolean): Curve {
  let length = 0;
  for (const count of series.count) if (count > 0) length += 1;

  const curve: Curve = {
    run: series.run,
    x: new Float64Array(length),
    y: new Float64Array(length),
    lo: new Float64Array(length),
    hi: new Float64Array(length),
    told: new Float64Array(length),
    nan: [],
    nanY: [],
    posInf: [],
    negInf: [],
  };
  let at = 0;
  let before = NaN;
  for (let i = 0; i < grid.length; i++) {
    if (!(series.count[i]! > 0)) continue;
    const x = grid[i]!;
    const value = exact ? series.last[i]! : series.mean[i]!;
    curve.x[at] = x;
    curve.y[at] = Number.isFinite(value) ? value : NaN;
    curve.lo[at] = series.min[i]!;
    curve.hi[at] = series.max[i]!;
    curve.told[at] = Number.isNaN(value) ? infinityIn(series, i) : value;
    if (series.nan[i]! > 0) {
      curve.nan.push(x);
      curve.nanY.push(Number.isFinite(value) ? value : before);
    }
    if (Number.isFinite(value)) before = value;
    if (series.pos_inf[i]! > 0) curve.posInf.push(x);
    if (series.neg_inf[i]! > 0) curve.negInf.push(x);
    at += 1;
  }
  return curve;
}

function infinityIn(series: SeriesFrame, i: number): number {
  if (series.nan[i]! > 0) return NaN;
  if (series.pos_inf[i]! > 0) return Infinity;
  return series.neg_inf[i]! > 0 ? -Infinity : NaN;
}

/** The greatest x at which any run has a point. */
export function lastX(curves: Curve[]): number | null {
  let last: number | null = null;
  for (const { x } of curves) {
    if (x.length && (last === null || x[x.length - 1]! > last)) last = x[x.length - 1]!;
  }
  return last;
}

/** The index of the point nearest to `x`, or null for a run without points. */
export function nearestIndex(xs: Float64Array, x: number): number | null {
  if (xs.length === 0) return null;
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle]! <= x) low = middle;
    else high = middle;
  }
  return x - xs[low]! <= xs[high]! - x ? low : high;
}
