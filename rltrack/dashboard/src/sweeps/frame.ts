/** The frame of a small plot: where values are in it, and its ticks. */

import { numberTicks, wholeTicks, type Tick } from "../chart/ticks";

export const EDGES = { left: 52, right: 14, top: 10, bottom: 26 };

export interface Frame {
  low: number;
  high: number;
  ticks: Tick[];
}

/** The range of numbers, with a little air. */
export function frameOf(values: number[], most: number, whole = false): Frame {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) [low, high] = [0, 1];
  const air = high > low ? (high - low) * 0.06 : Math.abs(low) * 0.1 || 1;
  [low, high] = [low - air, high + air];
  return { low, high, ticks: whole ? wholeTicks(low, high, most) : numberTicks(low, high, most) };
}

export function share({ low, high }: Frame, value: number): number {
  return (value - low) / (high - low);
}
