/** The axes of parallel coordinates: what is where on them, and which rows their brushes let through. */

import { numberTicks, logTicks, type Tick } from "../chart/ticks";
import { compact } from "../format";
import { asNumber, inline } from "../runs/values";
import type { Json } from "../server/types";
import type { Row } from "./rows";

/** The axis of what is judged. */
export const VALUE = "=";

export interface Axis {
  /** The parameter, or `VALUE`. */
  key: string;
  kind: "number" | "category";
  log: boolean;
  /** Whether it has only numbers above 0. */
  canLog: boolean;
  low: number;
  high: number;
  /** Of a category axis, from the bottom. */
  categories: string[];
}

/** A part of an axis, from its bottom 0 to its top 1. */
export type Brush = [number, number];

/** Where rows that lack a parameter are drawn: below the axis. */
export const BELOW = -0.06;

export function axisOf(key: string, rows: Row[], wantsLog: boolean | null, saysLog = false): Axis {
  const values = rows.map((row) => valueAt(row, key)).filter((value) => value !== undefined && value !== null);
  const numbers = values.map(asNumber).filter((value): value is number => value !== null && Number.isFinite(value));
  const isNumber = numbers.length > 0 && numbers.length === values.length;
  if (!isNumber && values.length) {
    const names = [...new Set(values.map(inline))];
    names.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    return { key, kind: "category", log: false, canLog: false, low: 0, high: names.length - 1, categories: names };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const value of numbers) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const canLog = low > 0;
  // Learning rates and the like are compared by their magnitude, unless somebody says otherwise.
  const log = canLog && (wantsLog ?? (saysLog || (key !== VALUE && high / low >= 100)));
  if (!(low <= high)) [low, high] = [0, 1];
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  return { key, kind: "number", log, canLog, low, high, categories: [] };
}

export function valueAt(row: Row, key: string): Json | undefined {
  return key === VALUE ? row.value : row.parameters[key];
}

/** Where a row is on an axis, from 0 to 1; null if it has no such value. */
export function place(axis: Axis, row: Row): number | null {
  const value = valueAt(row, axis.key);
  if (value === undefined || value === null) return null;
  if (axis.kind === "category") {
    const at = axis.categories.indexOf(inline(value));
    return at < 0 ? null : spread(at, axis.categories.length);
  }
  const number = asNumber(value);
  return number === null ? null : placeOf(axis, number);
}

export function placeOf(axis: Axis, number: number): number | null {
  const { low, high } = axis;
  if (!Number.isFinite(number)) return null;
  if (!axis.log) return (number - low) / (high - low);
  return number > 0 ? Math.log(number / low) / Math.log(high / low) : null;
}

/** The number at a place of a number axis. */
export function numberAt({ low, high, log }: Axis, at: number): number {
  return log ? low * (high / low) ** at : low + at * (high - low);
}

/** Each category has a share of the axis, and stands in the middle of it. */
function spread(at: number, count: number): number {
  return (at + 0.5) / count;
}

export function ticksOf(axis: Axis, most: number): Tick[] {
  if (axis.kind === "category") {
    const every = Math.ceil(axis.categories.length / Math.max(1, most * 2));
    return axis.categories
      .map((label, at) => ({ at: spread(at, axis.categories.length), label }))
      .filter((_, at) => at % every === 0);
  }
  if (axis.log) {
    const ticks = logTicks(Math.log10(axis.low), Math.log10(axis.high), most);
    return ticks.map(({ at, label }) => ({ at: placeOf(axis, 10 ** at)!, label }));
  }
  return numberTicks(axis.low, axis.high, most).map(({ at, label }) => ({ at: placeOf(axis, at)!, label }));
}

/** A row's value on an axis, in words. */
export function told(axis: Axis, row: Row): string {
  const value = valueAt(row, axis.key);
  if (value === undefined || value === null) return "–";
  const number = asNumber(value);
  return number === null ? inline(value) : compact(number, 4);
}

/** What a brush spans, in words. */
export function spanned(axis: Axis, [low, high]: Brush): string {
  if (axis.kind === "category") {
    const inside = axis.categories.filter((_, at) => within(spread(at, axis.categories.length), [low, high]));
    return inside.length ? inside.join(", ") : "none";
  }
  return `${compact(numberAt(axis, low))} to ${compact(numberAt(axis, high))}`;
}

function within(at: number, [low, high]: Brush): boolean {
  return at >= low - 1e-9 && at <= high + 1e-9;
}

/** Rows that every brush lets through; a row without the value passes no brush on its axis. */
export function surviving(rows: Row[], axes: Axis[], brushes: ReadonlyMap<string, Brush>): Row[] {
  const active = axes.filter((axis) => brushes.has(axis.key));
  if (!active.length) return rows;
  return rows.filter((row) =>
    active.every((axis) => {
      const at = place(axis, row);
      return at !== null && within(at, brushes.get(axis.key)!);
    }),
  );
}

/** A brush as what it means, so that new rows, which move the ends of an axis, do not change it; and back. */
export function meaning(axis: Axis, [low, high]: Brush): string {
  if (axis.kind === "category") {
    const inside = axis.categories.filter((_, at) => within(spread(at, axis.categories.length), [low, high]));
    return JSON.stringify(inside);
  }
  return `${Number(numberAt(axis, low).toPrecision(6))}:${Number(numberAt(axis, high).toPrecision(6))}`;
}

export function meant(axis: Axis, text: string): Brush | null {
  if (axis.kind === "category") {
    let names: unknown;
    try {
      names = JSON.parse(text);
    } catch {
      return null;
    }
    if (!Array.isArray(names)) return null;
    const at = names.map((name) => axis.categories.indexOf(String(name))).filter((one) => one >= 0);
    if (!at.length) return [2, 2]; // what it named is not there now: nothing passes
    const count = axis.categories.length;
    return [Math.min(...at) / count, (Math.max(...at) + 1) / count];
  }
  const [from, to] = text.split(":").map(Number);
  if (from === undefined || to === undefined || !Number.isFinite(from) || !Number.isFinite(to)) return null;
  const low = placeOf(axis, from);
  const high = placeOf(axis, to);
  return low === null || high === null ? null : [Math.min(low, high), Math.max(low, high)];
}

/** The axes in the order that somebody gave some of them; the axis of the value is last by default. */
export function ordered(keys: string[], order: string[]): string[] {
  const known = order.filter((key) => keys.includes(key));
  const rest = keys.filter((key) => !known.includes(key));
  if (known.includes(VALUE)) {
    const at = known.indexOf(VALUE);
    return at === known.length - 1 ? [...known.slice(0, -1), ...rest, VALUE] : [...known, ...rest];
  }
  return [...known, ...rest];
}

/** The order after an axis was put at another's place. */
export function moved(keys: string[], key: string, to: number): string[] {
  const rest = keys.filter((other) => other !== key);
  rest.splice(Math.max(0, Math.min(rest.length, to)), 0, key);
  return rest;
}

/**
 * The row whose line is nearest to a point between two axes; null if none is near.
 *
 * `places` holds of each row its height on the two axes, in pixels, NaN where it has none;
 * `part` is how far the point is from the first axis to the second, from 0 to 1.
 */
export function nearest(places: [Float64Array, Float64Array], part: number, y: number, curved: boolean, reach: number): number | null {
  const [left, right] = places;
  const t = curved ? part * part * (3 - 2 * part) : part;
  let found: number | null = null;
  let least = reach;
  for (let i = 0; i < left.length; i++) {
    const away = Math.abs(left[i]! + (right[i]! - left[i]!) * t - y);
    if (away < least) [found, least] = [i, away];
  }
  return found;
}
