/** Importance: in which order it is listed, and which parameters are worth keeping. */

import type { ImportanceAnswer } from "../server/types";

export type Important = ImportanceAnswer["parameters"][number];
export type By = "name" | "importance" | "correlation";

export const PAGE = 5;

/** The fewest parameters that together explain a share of all. */
export function useful(found: Important[], share = 0.9): string[] {
  const kept: string[] = [];
  let sum = 0;
  for (const { name, importance } of [...found].sort((a, b) => b.importance - a.importance)) {
    if (sum >= share - 1e-9) break;
    kept.push(name);
    sum += importance;
  }
  return kept;
}

/** By name, or the largest first; a correlation by its size, whatever its sign. */
export function listed(found: Important[], by: By, up: boolean): Important[] {
  const size = (one: Important) => (by === "importance" ? one.importance : one.correlation === null ? -1 : Math.abs(one.correlation));
  const rows = [...found].sort((a, b) => (by === "name" ? a.name.localeCompare(b.name) : size(b) - size(a)));
  return up ? rows.reverse() : rows;
}
