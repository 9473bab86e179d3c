/** The answer of the statistics endpoint, as numbers and as a file. */

import type { ScoredGroup, StatisticsAnswer } from "../server/types";

/** NaN and infinities come as text. */
export function number(value: number | string): number {
  return typeof value === "number" ? value : Number(value);
}

export const NAMES = { iqm: "IQM", median: "Median", mean: "Mean", optimality_gap: "Optimality gap" } as const;
export type StatisticName = keyof typeof NAMES;

/** How many runs stand behind a group's numbers: `5 runs`, `5 × 3 tasks`, `4 of 5 runs`. */
export function countOf(group: ScoredGroup, tasks: number): string {
  const counted = group.runs.filter(({ counts }) => counts).length;
  if (tasks > 1) return `N = ${group.n_runs} × ${tasks} tasks${counted < group.n_all ? ` (${group.n_all - counted} not counted)` : ""}`;
  return counted < group.n_all ? `N = ${counted} of ${group.n_all}` : `N = ${counted}`;
}

/** All scores, and what they amount to, one line each. */
export function csvOf({ groups, metric }: StatisticsAnswer): string {
  const lines: (string | number)[][] = [["group", "what", "run", "task", "state", "counts", "value", "low", "high", "n"]];
  for (const group of groups) {
    for (const run of group.runs) {
      lines.push([group.name, metric ?? "", run.id, run.task, run.state, String(run.counts), run.score, "", "", ""]);
    }
    for (const [name, [point, low, high]] of Object.entries(group.intervals)) {
      lines.push([group.name, name, "", "", "", "", point, low, high, group.n_runs]);
    }
    if (group.versus) lines.push([group.name, "probability_of_improvement", "", "", "", "", ...group.versus, group.n_runs]);
  }
  return lines.map((line) => line.map(cell).join(",") + "\r\n").join("");
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `CartPole-v1: 0 to 500, Acrobot-v1: -500 to -60`, as typed; null where it cannot be read. */
export function parseLimits(text: string): Record<string, [number, number]> | null {
  const found: Record<string, [number, number]> = {};
  for (const part of text.split(/[,;\n]/)) {
    if (!part.trim()) continue;
    const [, task, low, high] = /^\s*(.*?)\s*:\s*(\S+)\s*(?:to|\.\.)\s*(\S+)\s*$/.exec(part) ?? [];
    const ends: [number, number] = [Number(low), Number(high)];
    if (task === undefined || !ends.every(Number.isFinite) || ends[0] === ends[1]) return null;
    found[task] = ends;
  }
  return Object.keys(found).length ? found : null;
}
