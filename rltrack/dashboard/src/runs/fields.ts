/** What a run has under the name of a field, as filters, orders and columns name it. */

import { ago, compact, duration, grouped } from "../format";
import type { Json, Run } from "../server/types";
import { asNumber, flatten, inline } from "./values";

export type Cell = number | string | null;
export type Read = (run: Run) => Cell;

/** Values that only the server knows: of aggregates as `max(loss)`, by field and run. */
export type Asked = ReadonlyMap<string, ReadonlyMap<string, Json>>;

const SYSTEM: Record<string, { label: string; read: Read }> = {
  name: { label: "name", read: (run) => run.name },
  id: { label: "id", read: (run) => run.id },
  state: { label: "state", read: (run) => run.state },
  created_at: { label: "started", read: (run) => run.created_at },
  duration: { label: "duration", read: (run) => run.duration_s },
  last_step: { label: "last step", read: (run) => run.last_step },
  rows: { label: "rows", read: (run) => run.row_count },
  tags: { label: "tags", read: (run) => (run.tags.length ? run.tags.join(", ") : null) },
  group: { label: "group", read: (run) => run.group },
  job_type: { label: "job type", read: (run) => run.job_type },
  notes: { label: "notes", read: (run) => run.notes },
  host: { label: "host", read: (run) => run.host || null },
};
export const SYSTEM_FIELDS = Object.keys(SYSTEM);
export const AMOUNTS = ["max", "min", "mean", "last", "max_step", "min_step", "count"];

const AGGREGATE = /^([a-z_]+)\((.+)\)$/s;

export function isAggregate(field: string): boolean {
  return AGGREGATE.test(field);
}

/** How a field is called at the head of a column: without where it comes from. */
export function labelOf(field: string): string {
  if (SYSTEM[field]) return SYSTEM[field].label;
  if (field.startsWith("but:")) return `all but ${field.slice(4).split("|").join(", ")}`;
  return field.replace(/^(config|summary)\./, "");
}

/** What else of its metric a column can show: `last(loss)`, `min(loss)`, or the best that `define_metric` keeps. */
export function facesOf(field: string, runs: Run[], metrics: ReadonlySet<string>): { says: string; field: string }[] {
  const key = metricOf(field, metrics);
  if (key === null) return [];
  const kept = ["best"].filter((part) => runs.some((run) => flat(run, "summary").has(`${key}.${part}`)));
  return [
    { says: "summary", field: `summary.${key}` },
    ...["last", "min", "max", "mean"].map((amount) => ({ says: amount, field: `${amount}(${key})` })),
    ...kept.map((part) => ({ says: part, field: `summary.${key}.${part}` })),
  ];
}

/** The metric that a column is of; null if it is of none. */
export function metricOf(field: string, metrics: ReadonlySet<string>): string | null {
  const key = AGGREGATE.exec(field)?.[2] ?? (field.startsWith("summary.") ? field.slice("summary.".length) : null);
  if (key === null || metrics.has(key)) return key;
  const whole = key.replace(/\.[a-z]+$/, "");
  return metrics.has(whole) ? whole : null;
}

/** Whether a column is of what a run came to, and not of what it was given: such numbers have a difference that says something. */
export function isOutcome(field: string): boolean {
  return field.startsWith("summary.") || isAggregate(field) || ["duration", "last_step", "rows"].includes(field);
}

/** The flattened config or summary of a run, made once. */
const flats = { config: new WeakMap<object, Map<string, Json>>(), summary: new WeakMap<object, Map<string, Json>>() };

export function flat(run: Run, part: "config" | "summary"): Map<string, Json> {
  const of = run[part];
  let found = flats[part].get(of);
  if (!found) flats[part].set(of, (found = new Map(flatten(of))));
  return found;
}

export function reader(field: string, asked: Asked): Read {
  const system = SYSTEM[field];
  if (system) return system.read;
  if (field.startsWith("but:")) return (run) => allBut(run, field.slice(4).split("|"));
  for (const part of ["config", "summary"] as const) {
    if (!field.startsWith(`${part}.`)) continue;
    const key = field.slice(part.length + 1);
    return (run) => cellOf(run[part][key] ?? flat(run, part).get(key));
  }
  const known = asked.get(field);
  return (run) => cellOf(known?.get(run.id));
}

function cellOf(value: Json | undefined): Cell {
  if (value === undefined || value === null) return null;
  const number = asNumber(value);
  if (number !== null) return number;
  if (typeof value === "object" && !Array.isArray(value)) {
    for (const part of ["last", "mean", "max", "min"]) {
      const inner = asNumber(value[part]);
      if (inner !== null) return inner;
    }
  }
  return inline(value);
}

/** All of a config but some keys, in one text: equal for runs of one experiment. */
function allBut(run: Run, keys: string[]): string {
  const rest = [...flat(run, "config")].filter(([key]) => !keys.includes(key));
  return rest
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${inline(value)}`)
    .join(", ");
}

/** A value as the table shows it. */
export function shownCell(field: string, value: Cell, now: number): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (field === "created_at") return ago(Math.max(0, now - value));
  if (field === "duration") return duration(value < 10 ? value : Math.round(value));
  if (field === "last_step" || field === "rows" || /^(count|\w+_step)\(/.test(field)) return grouped(value);
  return compact(value, 4);
}

/** Every field that some run has, by where it comes from. */
export function fieldsOf(runs: Run[], metricKeys: string[]): { label: string; fields: string[] }[] {
  const keys = { config: new Set<string>(), summary: new Set<string>() };
  for (const run of runs) {
    for (const part of ["config", "summary"] as const) {
      for (const [key, value] of flat(run, part)) {
        if (value === null || typeof value !== "object" || Array.isArray(value)) keys[part].add(key);
      }
    }
  }
  const named = (part: "config" | "summary") => [...keys[part]].sort().map((key) => `${part}.${key}`);
  return [
    { label: "run", fields: SYSTEM_FIELDS },
    { label: "config", fields: named("config") },
    { label: "summary", fields: named("summary") },
    { label: "over all steps", fields: metricKeys.flatMap((key) => AMOUNTS.map((amount) => `${amount}(${key})`)) },
  ];
}

/** Config keys in which runs differ, those with few values first: what a table is best grouped by. */
export function telling(runs: Run[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const run of runs) {
    for (const [key, value] of flat(run, "config")) {
      if (!values.has(key)) values.set(key, new Set());
      const seen = values.get(key)!;
      if (seen.size < 50) seen.add(inline(value));
    }
  }
  return [...values]
    .filter(([, seen]) => seen.size > 1 && seen.size < Math.max(3, runs.length))
    .sort(([a, x], [b, y]) => x.size - y.size || a.localeCompare(b))
    .map(([key]) => `config.${key}`);
}
