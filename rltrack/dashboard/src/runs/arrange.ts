/** Which runs the list shows, in which order, and which of them are drawn. */

import type { Run } from "../server/types";
import type { Selection, Sort } from "../state/url";
import { flatten, inline, summaryNumber } from "./values";

/** So many runs are drawn before anybody chooses. */
export const NEWEST = 20;
/** The server draws at most so many runs in a chart. */
export const MOST_DRAWN = 100;

export const SORTS: [string, string][] = [
  ["started", "started"],
  ["name", "name"],
  ["state", "state"],
  ["duration", "duration"],
  ["step", "last step"],
  ["value", "value"],
];

export function arrange(runs: Run[], filter: string, sort: Sort, valueKey: string | null): Run[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = words.length ? runs.filter((run) => words.every((word) => textOf(run).includes(word))) : runs;
  const of = columnOf(sort.by, valueKey);
  const direction = sort.down ? -1 : 1;
  return kept
    .map((run) => ({ run, value: of(run) }))
    .sort((a, b) => compare(a.value, b.value, direction) || b.run.created_at - a.run.created_at)
    .map(({ run }) => run);
}

const texts = new WeakMap<Run, string>();

/** All that the filter looks at: name, id, state, group, tags, and config as `key=value`. */
function textOf(run: Run): string {
  let text = texts.get(run);
  if (text === undefined) {
    const config = flatten(run.config).map(([key, value]) => `${key}=${inline(value)}`);
    text = [run.name, run.id, run.state, run.group ?? "", ...run.tags, ...config].join("\n").toLowerCase();
    texts.set(run, text);
  }
  return text;
}

type Cell = number | string | null;

function columnOf(by: string, valueKey: string | null): (run: Run) => Cell {
  switch (by) {
    case "name":
      return (run) => run.name;
    case "state":
      return (run) => run.state;
    case "duration":
      return (run) => run.duration_s;
    case "step":
      return (run) => run.last_step;
    case "value":
      return (run) => (valueKey === null ? null : summaryNumber(run, valueKey));
    default:
      return (run) => run.created_at;
  }
}

const byName = new Intl.Collator("en", { numeric: true });

/** What has no value comes last, whatever the direction. */
function compare(a: Cell, b: Cell, direction: number): number {
  const noA = a === null || Number.isNaN(a);
  const noB = b === null || Number.isNaN(b);
  if (noA || noB) return Number(noA) - Number(noB);
  if (typeof a === "string" || typeof b === "string") return direction * byName.compare(String(a), String(b));
  // Not a difference: infinity less infinity is NaN.
  return direction * (a < b ? -1 : a > b ? 1 : 0);
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
