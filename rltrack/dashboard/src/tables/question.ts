/** What a table panel shows, as a question to the server; pure. */

import type { Json, TableColumn, TableCondition, TableRequest } from "../server/types";

export interface Filter {
  column: string;
  op: string;
  /** As it was typed. */
  value: string;
}

export interface TableView {
  filters: Filter[];
  /** A condition in SQL. */
  where: string;
  /** Columns, with `-` in front for descending. */
  sort: string[];
  group: string[];
  /** Of groups in groups, how many levels are shown, 0 for all; and those that are the other way around. */
  depth: number;
  turned: Json[][];
  /** Of groups: what is computed of a column. */
  aggregates: { column: string; fn: string }[];
  /** New columns, in SQL. */
  computed: { name: string; sql: string }[];
  hidden: string[];
  pinned: string[];
  widths: Record<string, number>;
  /** Rows of all steps, or of the one that the media stand at. */
  steps: "one" | "all";
  /** Side by side by this key. */
  join: string | null;
  /** Of tables side by side: only rows that differ. */
  changed: boolean;
}

export const DEFAULT_TABLE: TableView = {
  filters: [], where: "", sort: [], group: [], depth: 0, turned: [], aggregates: [], computed: [],
  hidden: [], pinned: [], widths: {}, steps: "one", join: null, changed: false,
};

export const FUNCTIONS = ["mean", "sum", "min", "max", "median", "std", "count_distinct", "first", "last"] as const;

const TEXT_OPS = ["contains", "=", "!=", "starts", "ends", "matches"];
const NUMBER_OPS = ["=", "!=", "<", "<=", ">", ">=", "between"];
const MISSING_OPS = ["is null", "is not null"];

/** How conditions are told. */
export const OP_NAMES: Record<string, string> = {
  "=": "is", "!=": "is not", "<": "<", "<=": "≤", ">": ">", ">=": "≥", between: "between", contains: "contains",
  starts: "starts with", ends: "ends with", matches: "matches (regex)", "is null": "is missing", "is not null": "is there",
};

export function isNumeric(type: string): boolean {
  return type === "int" || type === "float";
}

/** What a column of a type can be compared by. */
export function opsOf(type: string): string[] {
  if (isNumeric(type)) return [...NUMBER_OPS, ...MISSING_OPS];
  if (type === "bool") return ["=", ...MISSING_OPS];
  if (["date", "time", "utc"].includes(type)) return [">=", "<=", "=", "between", "contains", ...MISSING_OPS];
  if (type === "text") return [...TEXT_OPS, ...MISSING_OPS];
  return ["contains", ...MISSING_OPS];
}

/** A condition as the server takes it; null while it is not complete. */
export function conditionOf({ column, op, value }: Filter, type: string): TableCondition | null {
  if (MISSING_OPS.includes(op)) return { column, op };
  const text = value.trim();
  if (text === "") return null;
  if (op === "between") {
    const parts = text.split(/\s*(?:,|…|\.\.|\s)\s*/).filter(Boolean).map((part) => typed(part, type));
    return parts.length === 2 && !parts.includes(null) ? { column, op, value: parts as Json[] } : null;
  }
  const found = TEXT_OPS.slice(3).includes(op) || op === "contains" ? text : typed(text, type);
  return found === null ? null : { column, op, value: found };
}

function typed(text: string, type: string): Json {
  if (isNumeric(type)) return text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
  if (type === "bool") return /^(true|1|yes)$/i.test(text) ? true : /^(false|0|no)$/i.test(text) ? false : null;
  return text;
}

export interface Asked {
  key: string;
  runs: string[];
  /** The row's step of each run's table; null: the latest of each. */
  at: Record<string, number> | null;
  /** As far as they are known: of the table without groups. */
  columns: TableColumn[];
}

/** The whole question, but for the page. */
export function requestOf({ key, runs, at, columns }: Asked, view: TableView): TableRequest {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const filter: TableCondition[] = view.filters.flatMap((one) => {
    const condition = conditionOf(one, types.get(one.column) ?? "text");
    return condition === null ? [] : [condition];
  });
  if (view.where.trim()) filter.push(view.where.trim());
  const asked: TableRequest = { key, runs, steps: view.steps === "all" ? "all" : (at ?? "last") };
  if (filter.length) asked.filter = filter;
  const computed = view.computed.filter(({ name, sql }) => name && sql);
  if (computed.length) asked.computed = Object.fromEntries(computed.map(({ name, sql }) => [name, sql]));
  if (view.join) asked.join = { on: [view.join], changed: view.changed };
  if (view.group.length) {
    asked.group = view.group;
    asked.subtotals = view.group.length > 1;
    if (view.depth) asked.depth = view.depth;
    if (view.turned.length) asked.turned = view.turned;
    asked.aggregates = view.aggregates.map(({ column, fn }) => ({ column, fn }));
    const known = ["count", ...view.group, ...view.aggregates.map(({ column, fn }) => `${fn}(${column})`)];
    asked.sort = view.sort.filter((one) => known.includes(one.replace(/^-/, "")));
  } else if (view.sort.length) asked.sort = view.sort;
  return asked;
}

/** The next of: ascending, descending, not at all. With others kept, it counts after them. */
export function sortedBy(sort: string[], column: string, keep: boolean): string[] {
  const others = keep ? sort.filter((one) => one !== column && one !== `-${column}`) : [];
  if (sort.includes(column)) return [...others, `-${column}`];
  if (sort.includes(`-${column}`)) return others;
  return [...others, column];
}

/** What groups are told by at first: the mean of numbers. */
export function firstAggregates(columns: TableColumn[], group: string[]): TableView["aggregates"] {
  return columns
    .filter(({ name, type }) => isNumeric(type) && !group.includes(name) && !["run", "step", "_run", "_step"].includes(name))
    .slice(0, 6)
    .map(({ name }) => ({ column: name, fn: "mean" }));
}

/** Whether the groups in a group are shown. */
export function isOpen({ depth, turned }: TableView, path: Json[]): boolean {
  return (depth === 0 || path.length < depth) !== turned.some((one) => isSame(one, path));
}

/** With a group folded that was open, or the other way around. */
export function turnedAt({ turned }: TableView, path: Json[]): Json[][] {
  const others = turned.filter((one) => !isSame(one, path));
  return others.length < turned.length ? others : [...turned, path];
}

function isSame(one: Json[], other: Json[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A group's row as conditions: what its rows have in common. */
export function filtersOfGroup(group: string[], row: Json[], level: number): Filter[] {
  return group.slice(0, level).map((column, i): Filter => {
    const value = row[i] ?? null;
    return value === null ? { column, op: "is null", value: "" } : { column, op: "=", value: String(value) };
  });
}

/** For columns that tables side by side share: those of each, by the name without the table. */
export function sidesOf(columns: TableColumn[], labels: string[]): Map<number, number[]> {
  const byName = new Map<string, number[]>();
  columns.forEach(({ name }, at) => {
    const label = labels.find((one) => name.startsWith(`${one}.`));
    if (label === undefined) return;
    const base = name.slice(label.length + 1);
    byName.set(base, [...(byName.get(base) ?? []), at]);
  });
  const found = new Map<number, number[]>();
  for (const places of byName.values()) for (const at of places) found.set(at, places);
  return found;
}

/** What is not as by default, as text for the address; empty if all is. */
export function packView(view: TableView): string {
  const changed = Object.entries(view).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULT_TABLE[name as keyof TableView]),
  );
  return changed.length ? JSON.stringify(Object.fromEntries(changed)) : "";
}

export function unpackView(text: string | undefined): TableView {
  if (!text) return DEFAULT_TABLE;
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== "object" || found === null) return DEFAULT_TABLE;
    const fits = Object.entries(found).filter(([name, value]) => {
      const known = (DEFAULT_TABLE as unknown as Record<string, unknown>)[name];
      return name === "join" ? typeof value === "string" : typeof known === typeof value && Array.isArray(known) === Array.isArray(value);
    });
    return { ...DEFAULT_TABLE, ...(Object.fromEntries(fits) as Partial<TableView>) };
  } catch {
    return DEFAULT_TABLE;
  }
}
