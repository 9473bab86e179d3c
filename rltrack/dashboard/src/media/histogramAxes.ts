/** Round numbers along the axes of a histogram, and what is under the pointer. */

import { compact, grouped } from "../format";
import type { HistogramAnswer } from "../server/types";
import type { Counts } from "./histogram";

/** About so many round numbers within a range, ascending. */
export function ticksOf(low: number, high: number, about: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((part) => part * power).find((size) => size >= rough)!;
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n++) ticks.push(n === 0 ? 0 : n * step);
  return ticks;
}

/** The bin at a place, in words: steps, values and how many there are. `x` and `y` are from 0 to 1. */
export function toldAt(answer: HistogramAnswer, counts: Counts, x: number, y: number): string | null {
  const column = Math.min(counts.length - 1, Math.max(0, Math.floor(x * counts.length)));
  const bins = answer.edges.length - 1;
  const bin = Math.min(bins - 1, Math.max(0, Math.floor(y * bins)));
  const found = counts[column];
  if (!found) return null;
  const sum = found.reduce((total, count) => total + count, 0);
  const [first, last] = [Math.ceil(answer.grid[column]!), Math.floor(answer.grid[column + 1]!)];
  const steps = last > first ? `${grouped(Math.max(0, first))} … ${grouped(last)}` : grouped(Math.max(0, first));
  const share = sum > 0 ? ((found[bin]! / sum) * 100).toPrecision(2) : "0";
  const values = `${compact(answer.edges[bin]!)} … ${compact(answer.edges[bin + 1]!)}`;
  return `step ${steps}\n${values}: ${compact(found[bin]!)} (${Number(share)} %)`;
}
