/** Metrics under the part of their key before the last slash, and the filter over them. */

import type { Metric } from "../server/types";

export interface Section {
  name: string;
  metrics: Metric[];
}

/** What says most about a training stands first; what says least, last. */
const FIRST = ["rollout", "episode", "eval", "charts", "", "train", "losses"];
const LAST = ["time", "system"];

export function sectionsOf(metrics: Metric[], filter: string): Section[] {
  const matches = matcher(filter);
  const sections = new Map<string, Metric[]>();
  // An x axis drawn over itself is a diagonal: it is drawn only for who asks for it.
  const axes = new Set(filter ? [] : metrics.map((metric) => metric.x));
  for (const metric of metrics) {
    if (!matches(metric.key) || axes.has(metric.key) || (metric.hidden && !filter)) continue;
    const name = prefixOf(metric.key);
    const section = sections.get(name);
    if (section) section.push(metric);
    else sections.set(name, [metric]);
  }
  return [...sections]
    .map(([name, metrics]) => ({ name, metrics }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

export function prefixOf(key: string): string {
  // Samples of the machine: `system.gpu.0.power` is of `system.gpu`, and a disk's name may hold a slash.
  if (key.startsWith("system.")) return key.split(".").length > 2 ? key.split(".", 2).join(".") : "system";
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

function rank(name: string): number {
  const root = name.split("/")[0]!;
  if (FIRST.includes(root)) return FIRST.indexOf(root) - FIRST.length;
  return LAST.indexOf(root) + 1;
}

/** A regular expression, or, when it is none, a part of the key; case does not matter. */
export function matcher(filter: string): (key: string) => boolean {
  if (!filter) return () => true;
  try {
    const pattern = new RegExp(filter, "i");
    return (key) => pattern.test(key);
  } catch {
    const part = filter.toLowerCase();
    return (key) => key.toLowerCase().includes(part);
  }
}
