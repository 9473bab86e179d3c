/** Values of a run's config and summary, read and flattened. */

import type { Json, Run } from "../server/types";

const NOT_FINITE: Record<string, number> = { NaN, Infinity, "-Infinity": -Infinity };

/** A JSON scalar as a number; null if it is none. */
export function asNumber(value: Json | undefined): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "string" && Object.hasOwn(NOT_FINITE, value)) return NOT_FINITE[value]!;
  return null;
}

/** The number of a metric in a run's summary; of an object (`{min, max, last}`), the last or best. */
export function summaryNumber(run: Run, key: string): number | null {
  const value = run.summary[key];
  if (value === null || typeof value !== "object" || Array.isArray(value)) return asNumber(value);
  for (const part of ["last", "mean", "max", "min"]) {
    const number = asNumber(value[part]);
    if (number !== null) return number;
  }
  return null;
}

/** Nested JSON as rows of dotted key and value, in the order of the data. */
export function flatten(value: { [key: string]: Json }, above = ""): [string, Json][] {
  return Object.entries(value).flatMap(([key, inner]): [string, Json][] => {
    const path = above ? `${above}.${key}` : key;
    const nested = inner !== null && typeof inner === "object" && !Array.isArray(inner);
    return nested && Object.keys(inner).length ? flatten(inner, path) : [[path, inner]];
  });
}

/** A summary without its videos and other files, which have a place of their own. */
export function withoutFiles(summary: { [key: string]: Json }): { [key: string]: Json } {
  const isFile = (value: Json) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && /-file$|^graph$/.test(String(value._type));
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => !isFile(value)));
}

/** A JSON value in one line, a string without quotes. */
export function inline(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const metricSets = new WeakMap<Run, Set<string>>();

export function hasMetric(run: Run, key: string): boolean {
  let set = metricSets.get(run);
  if (!set) metricSets.set(run, (set = new Set(run.metrics)));
  return set.has(key);
}
