/** From a value to a colour: from bad to good, the same way in both themes. */

import { compact } from "../format";
import type { Goal, Row } from "./rows";

/** Dark to bright on dark, bright to dark on light: the good end always stands out most. */
const LIGHT = ["#c9cdd8", "#93b7d6", "#4f8fd0", "#4f5cda", "#6a1b8f"];
const DARK = ["#3c4155", "#5a55b8", "#b3589f", "#ef8460", "#f9d65c"];

export interface ColourScale {
  low: number;
  high: number;
  goal: Goal;
}

/** The values of all rows but outliers, so that one bad trial does not make all others the same colour. */
export function scaleOf(rows: Row[], goal: Goal): ColourScale | null {
  const values = rows.map((row) => row.value).filter((value): value is number => value !== null);
  if (!values.length) return null;
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.round(share * (values.length - 1))]!;
  // The good end is kept whole: it is what one looks for.
  const [low, high] = goal === "minimize" ? [values[0]!, at(0.95)] : [at(0.05), values.at(-1)!];
  return { low, high, goal };
}

/** How good a value is, from 0 to 1. */
export function goodness({ low, high, goal }: ColourScale, value: number): number {
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 1;
  return goal === "minimize" && high > low ? 1 - share : share;
}

export function colourAt(share: number, dark: boolean): string {
  const stops = dark ? DARK : LIGHT;
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const first = Math.min(stops.length - 2, Math.floor(at));
  const [from, to] = [parts(stops[first]!), parts(stops[first + 1]!)];
  const mixed = from.map((one, i) => Math.round(one + (to[i]! - one) * (at - first)));
  return `rgb(${mixed.join(",")})`;
}

export function gradient(dark: boolean): string {
  return `linear-gradient(to right, ${(dark ? DARK : LIGHT).join(", ")})`;
}

function parts(colour: string): number[] {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/** What stands at the bad and at the good end of the visible scale. */
export function ends({ low, high, goal }: ColourScale): [string, string] {
  return goal === "minimize" ? [compact(high), compact(low)] : [compact(low), compact(high)];
}
