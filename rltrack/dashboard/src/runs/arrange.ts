/** Which runs the table shows, in which order and groups, and which of them are drawn. */

import type { Run } from "../server/types";
import type { BandChoice, Selection, Sort } from "../state/url";
import { flat, reader, type Asked, type Cell } from "./fields";
import { inline } from "./values";

export type Centre = BandChoice["centre"];

/** So many runs are drawn before anybody chooses. */
export const NEWEST = 20;
/** At most so many runs are drawn in a chart, a hundred at a time. */
export const MOST_DRAWN = 500;

/** The runs that have all words of a filter, in order. */
export function arrange(runs: Run[], filter: string, sort: Sort[], asked: Asked): Run[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = words.length ? runs.filter((run) => words.every((word) => textOf(run).includes(word))) : [...runs];
  // Each value is read once, and not at each comparison.
  const keys = sort.map(({ by, down }) => comparisonOf(kept.map(reader(by, asked)), down ? -1 : 1));
  const [first, ...rest] = keys;
  const order = kept.map((_, i) => i).sort((a, b) => {
    const found = first ? first(a, b) : 0;
    if (found) return found;
    for (const next of rest) {
      const after = next(a, b);
      if (after) return after;
    }
    return kept[b]!.created_at - kept[a]!.created_at;
  });
  return order.map((i) => kept[i]!);
}

/** Whether a filter is a condition, which the server reads, and not some words. */
export function isCondition(filter: string): boolean {
  return (
    /(^|[\s("])(config|summary)\.\S/.test(filter) ||
    /(^|[\s(])[a-z_]+\([^)]+\)\s*(!?[<>=~]|in\b)/.test(filter) ||
    /(^|[\s(])(id|name|state|tags|group|job_type|host|notes|created_at)\s*(!?[<>=~]|\b(has|in|not|is)\b)/i.test(filter)
  );
}

const texts = new WeakMap<Run, string>();

/** All that words look at: name, id, state, group, tags, and config as `key=value`. */
function textOf(run: Run): string {
  let text = texts.get(run);
  if (text === undefined) {
    const config = [...flat(run, "config")].map(([key, value]) => `${key}=${inline(value)}`);
    text = [run.name, run.id, run.state, run.group ?? "", ...run.tags, ...config].join("\n").toLowerCase();
    texts.set(run, text);
  }
  return text;
}

const byName = new Intl.Collator("en", { numeric: true });

/** Compares by place. Columns of numbers, which most are, are compared as such: of ten thousand runs that is most of an order. */
function comparisonOf(cells: Cell[], direction: number): (a: number, b: number) => number {
  if (cells.some((cell) => typeof cell === "string")) return (a, b) => compare(cells[a]!, cells[b]!, direction);
  const numbers = Float64Array.from(cells as (number | null)[], (cell) => (cell === null ? NaN : cell * direction));
  return (a, b) => {
    const x = numbers[a]!;
    const y = numbers[b]!;
    return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  };
}

/** What has no value comes last, whatever the direction. */
export function compare(a: Cell, b: Cell, direction: number): number {
  const noA = a === null || Number.isNaN(a);
  const noB = b === null || Number.isNaN(b);
  if (noA || noB) return Number(noA) - Number(noB);
  if (typeof a === "string" || typeof b === "string") return direction * byName.compare(String(a), String(b));
  // Not a difference: infinity less infinity is NaN.
  return direction * (a < b ? -1 : a > b ? 1 : 0);
}

export interface Group {
  /** The values of all fields down to this one, as JSON: its name in the URL. */
  key: string;
  field: string;
  value: Cell;
  depth: number;
  /** All runs in it, in order. */
  runs: Run[];
  /** The groups in it; null at the last field. */
  inner: Group[] | null;
}

/** Runs by the values of fields, outermost first; groups stand in the order of their first runs. */
export function groupsOf(runs: Run[], fields: string[], asked: Asked, above: Cell[] = []): Group[] {
  const [field, ...rest] = fields;
  if (field === undefined) return [];
  const read = reader(field, asked);
  const byValue = new Map<Cell, Run[]>();
  for (const run of runs) {
    const value = read(run);
    const group = byValue.get(value);
    if (group) group.push(run);
    else byValue.set(value, [run]);
  }
  return [...byValue].map(([value, members]) => {
    const path = [...above, value];
    return {
      key: JSON.stringify(path),
      field,
      value,
      depth: above.length,
      runs: members,
      inner: rest.length ? groupsOf(members, rest, asked, path) : null,
    };
  });
}

/** The innermost groups, each of which is a line in a chart. */
export function leaves(groups: Group[]): Group[] {
  return groups.flatMap((group) => (group.inner ? leaves(group.inner) : [group]));
}

export type Row = { run: Run; depth: number } | { group: Group; depth: number; open: boolean };

/** The rows of the table: groups, and below those that are open what is in them. */
export function rowsOf(groups: Group[], unfolded: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  for (const group of groups) {
    const open = unfolded.has(group.key);
    rows.push({ group, depth: group.depth, open });
    if (!open) continue;
    if (group.inner) rows.push(...rowsOf(group.inner, unfolded));
    else for (const run of group.runs) rows.push({ run, depth: group.depth + 1 });
  }
  return rows;
}

/**
 * What a group shows in a column: the one value that all have, or the middle of its numbers, as charts draw it.
 * What was chosen, as a seed, has no mean that says anything.
 */
export function groupCell(cells: Cell[], chosen = false, centre: Centre = "mean"): Cell {
  const known = cells.filter((cell) => cell !== null);
  if (!known.length) return null;
  const distinct = new Set(known);
  if (distinct.size === 1) return known[0]!;
  if (chosen) return `${distinct.size} values`;
  const numbers = known.filter((cell): cell is number => typeof cell === "number" && Number.isFinite(cell));
  if (numbers.length) return centreOf(numbers, centre);
  return `${distinct.size} values`;
}

const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

export function centreOf(numbers: number[], centre: Centre): number {
  if (centre === "mean") return mean(numbers);
  const sorted = Float64Array.from(numbers).sort();
  const [count, last] = [sorted.length, sorted.length - 1];
  if (centre === "min") return sorted[0]!;
  if (centre === "max") return sorted[last]!;
  if (centre === "median") return (sorted[last >> 1]! + sorted[count >> 1]!) / 2;
  // A quarter is cut at each end, rounded down, as `stats` and charts do.
  const cut = Math.floor(count / 4);
  return mean([...sorted.subarray(cut, count - cut)]);
}

/** The runs that are drawn, of those that the list shows. */
export function selected(listed: Run[], { base, on, off }: Selection): Set<string> {
  const chosen = new Set<string>();
  if (base === "all") for (const run of listed) chosen.add(run.id);
  if (base === "newest") {
    const byAge = listed.length > NEWEST ? [...listed].sort((a, b) => b.created_at - a.created_at) : listed;
    for (const run of byAge.slice(0, NEWEST)) chosen.add(run.id);
  }
  const known = new Set(listed.map((run) => run.id));
  for (const id of on) if (known.has(id)) chosen.add(id);
  for (const id of off) chosen.delete(id);
  return chosen;
}

/** The selection after a click on the switch of one run. */
export function toggled(selection: Selection, id: string, isOn: boolean): Selection {
  const on = selection.on.filter((other) => other !== id);
  const off = selection.off.filter((other) => other !== id);
  if (isOn) return { ...selection, on, off: [...off, id] };
  // Taken off "off" it may be on again by the base; if not, it is named.
  return selection.off.includes(id) && selection.base === "all"
    ? { ...selection, on, off }
    : { ...selection, on: [...on, id], off };
}

/** The metric that most likely says how good a run is. */
export function likelyValue(keys: string[]): string | null {
  for (const likely of [/ep_rew_mean$/, /episode\/return$/, /return|reward/i, /score|success/i, /loss/i]) {
    const key = keys.find((key) => likely.test(key));
    if (key) return key;
  }
  return keys[0] ?? null;
}
