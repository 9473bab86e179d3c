/** The x axes that a chart can have, and how each is written. */

import { compact, duration, grouped, moment } from "../format";
import { clockTicks, durationTicks, numberTicks, wholeTicks, type Tick } from "./ticks";

export function axisTitle(x: string): string {
  switch (x) {
    case "auto":
      return "auto";
    case "_step":
      return "step";
    case "_timestamp":
      return "wall time";
    case "_runtime":
      return "relative time";
    default:
      return x;
  }
}

export function xTicks(x: string, low: number, high: number, most: number): Tick[] {
  if (x === "_timestamp") return clockTicks(low, high, most);
  if (x === "_runtime") return durationTicks(low, high, most);
  return isSteps(x) ? wholeTicks(low, high, most) : numberTicks(low, high, most);
}

/** Whether an axis counts something: its ticks are whole numbers. */
function isSteps(x: string): boolean {
  return /step/.test(x);
}

/** One x in full, for the tooltip. */
export function xText(x: string, at: number): string {
  if (x === "_timestamp") return moment(at);
  if (x === "_runtime") return duration(at);
  return isSteps(x) ? grouped(Math.round(at)) : compact(at, 5);
}

/** What one pixel stands for: `240 steps`, `2.5 s`. */
export function widthText(x: string, width: number): string {
  if (x === "_timestamp" || x === "_runtime") return duration(width);
  return isSteps(x) ? `${compact(width)} steps` : compact(width);
}
