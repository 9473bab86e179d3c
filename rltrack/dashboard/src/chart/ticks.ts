/** Where an axis has its ticks, and what they are called. */

import { compact, tickLabels } from "../format";

export interface Tick {
  at: number;
  label: string;
}

const NICE = [1, 2, 2.5, 5, 10];

const SECOND_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** Round numbers inside a range, at most `most` of them. */
export function roundTicks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / Math.max(1, most);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  return multiples(NICE.find((nice) => nice * power >= rough * (1 - 1e-9))! * power, low, high);
}

function multiples(step: number, low: number, high: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // `+ 0` turns a negative zero into zero.
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step + 0);
}

export function numberTicks(low: number, high: number, most: number): Tick[] {
  const at = roundTicks(low, high, most);
  const labels = tickLabels(at);
  return at.map((tick, i) => ({ at: tick, label: labels[i]! }));
}

/** Ticks of an axis that counts: there is no half step. */
export function wholeTicks(low: number, high: number, most: number): Tick[] {
  const at = roundTicks(low, high, Math.min(most, Math.max(1, high - low))).filter(Number.isInteger);
  const labels = tickLabels(at);
  return at.map((tick, i) => ({ at: tick, label: labels[i]! }));
}

/** Ticks of a log axis: decades, and 1-2-5 between them where the range is short. `low` and `high` are powers of ten. */
export function logTicks(low: number, high: number, most: number): Tick[] {
  const every = Math.max(1, Math.ceil((high - low) / Math.max(1, most)));
  const decades = multiples(every, low, high);
  if (decades.length >= 2) return decades.map((power) => ({ at: power, label: compact(10 ** power) }));
  const ticks: Tick[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of [1, 2, 5]) {
      const at = power + Math.log10(digit);
      if (at >= low && at <= high) ticks.push({ at, label: compact(digit * 10 ** power) });
    }
  }
  if (ticks.length >= 2) return ticks;
  return roundTicks(10 ** low, 10 ** high, most)
    .filter((value) => value > 0)
    .map((value) => ({ at: Math.log10(value), label: compact(value, 4) }));
}

function secondStep(span: number, most: number): number {
  const rough = span / Math.max(1, most);
  return SECOND_STEPS.find((step) => step >= rough) ?? Math.ceil(rough / 604800) * 604800;
}

/** Ticks of an axis of seconds since the start: `30 s`, `5 m`, `1 h 30 m`. */
export function durationTicks(low: number, high: number, most: number): Tick[] {
  if ((high - low) / most < 1) {
    return numberTicks(low, high, most).map(({ at, label }) => ({ at, label: `${label} s` }));
  }
  return multiples(secondStep(high - low, most), low, high).map((at) => ({ at, label: durationLabel(at) }));
}

function durationLabel(seconds: number): string {
  if (seconds === 0) return "0";
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** Ticks of an axis of epoch seconds, at round times of the reader's day. */
export function clockTicks(low: number, high: number, most: number): Tick[] {
  const step = secondStep(high - low, most);
  const away = -new Date(low * 1000).getTimezoneOffset() * 60;
  return multiples(step, low + away, high + away).map((local) => {
    const at = local - away;
    return { at, label: clockLabel(new Date(at * 1000), step) };
  });
}

function clockLabel(date: Date, step: number): string {
  const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (step >= 86400 || (midnight && step >= 60)) {
    return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  }
  return date.toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...(step < 60 ? { second: "2-digit" } : {}),
  });
}
