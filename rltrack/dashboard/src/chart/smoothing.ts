/**
 * Smoothing of a line, in the browser: what is on screen is smoothed as the slider moves.
 *
 * One slider serves all kinds: a weight of 0.9 looks back about ten points, one of 0.99 a hundred.
 * A value that is not finite ends the average: it starts anew behind it, so that no smoothed line
 * crosses a NaN.
 */

export const SMOOTHINGS = ["ema", "time", "gauss", "window"] as const;
export type SmoothKind = (typeof SMOOTHINGS)[number];

export const SMOOTHING_NAMES: Record<SmoothKind, string> = {
  ema: "EMA",
  time: "time-weighted EMA",
  gauss: "Gaussian",
  window: "running mean",
};

/** The time-weighted average forgets as fast over the whole axis, whatever it is of, as one of so many points. */
const POINTS_OF_AN_AXIS = 1000;

export function smooth(x: Float64Array, y: Float64Array, weight: number, kind: SmoothKind): Float64Array {
  const smoothed = new Float64Array(y.length).fill(NaN);
  const width = x.length > 1 ? x[x.length - 1]! - x[0]! : 0;
  for (const [start, end] of pieces(y)) {
    const piece = y.subarray(start, end);
    const into = smoothed.subarray(start, end);
    if (kind === "ema") average(piece, into, () => weight);
    else if (kind === "time") {
      const per = width > 0 ? POINTS_OF_AN_AXIS / width : 0;
      average(piece, into, (i) => (i === 0 ? 0 : weight ** ((x[start + i]! - x[start + i - 1]!) * per)));
    } else if (kind === "window") running(piece, into, Math.round((1 / (1 - weight) - 1) / 2));
    else gaussian(piece, into, 1 / (1 - weight) / 2);
  }
  return smoothed;
}

/** Where finite values stand side by side: the first of them, and the one behind the last. */
export function pieces(y: Float64Array): [number, number][] {
  const found: [number, number][] = [];
  let start = -1;
  for (let i = 0; i <= y.length; i++) {
    const finite = i < y.length && Number.isFinite(y[i]!);
    if (finite && start < 0) start = i;
    if (!finite && start >= 0) {
      found.push([start, i]);
      start = -1;
    }
  }
  return found;
}

/** Exponential moving average, without the bias towards zero at its start. */
function average(y: Float64Array, into: Float64Array, weightAt: (i: number) => number): void {
  let sum = 0;
  let norm = 0;
  for (let i = 0; i < y.length; i++) {
    const weight = weightAt(i);
    sum = weight * sum + y[i]!;
    norm = weight * norm + 1;
    into[i] = sum / norm;
  }
}

/** The mean of each point and of `reach` to either side, of which there are fewer at the ends. */
function running(y: Float64Array, into: Float64Array, reach: number): void {
  const sums = new Float64Array(y.length + 1);
  for (let i = 0; i < y.length; i++) sums[i + 1] = sums[i]! + y[i]!;
  for (let i = 0; i < y.length; i++) {
    const low = Math.max(0, i - reach);
    const high = Math.min(y.length, i + reach + 1);
    into[i] = (sums[high]! - sums[low]!) / (high - low);
  }
}

/** Three running means in a row are a Gaussian but for a few per cent, and cost the same at every width. */
function gaussian(y: Float64Array, into: Float64Array, deviation: number): void {
  const reach = Math.round((Math.sqrt(4 * deviation ** 2 + 1) - 1) / 2);
  const between = new Float64Array(y.length);
  running(y, into, reach);
  running(into, between, reach);
  running(between, into, reach);
}
