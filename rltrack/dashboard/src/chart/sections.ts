/** Which charts a page has, and in which sections: by themselves, and as they were arranged by hand. */

import type { Metric } from "../server/types";
import { isAdded, type Layout, type PanelSetup } from "./layout";

/** One chart. */
export interface Chart {
  /** Of an automatic chart, its metric. */
  id: string;
  title: string;
  /** Metrics or expressions, each with a line for every run. */
  keys: string[];
  /** The x axis that "auto" stands for. */
  x: string;
  setup: Partial<PanelSetup>;
}

export interface Section {
  name: string;
  charts: Chart[];
  /** Made of a search, and so may be given up. */
  pinned?: boolean;
}

/** What says most about a training stands first; what says least, last. */
const FIRST = ["rollout", "episode", "eval", "charts", "", "train", "losses"];
const LAST = ["time", "system"];

export function sectionsOf(metrics: Metric[], filter: string, layout: Layout): Section[] {
  const matches = matcher(filter);
  const axes = new Set(metrics.map((metric) => metric.x));
  const removed = new Set(layout.removed);
  const places = new Map(layout.places.map((place) => [place.id, place]));
  const pins = layout.pins.map((pin) => ({ ...pin, fits: matcher(pin.match) }));
  const sections = new Map<string, Section>(pins.map(({ name }) => [name, { name, charts: [], pinned: true }]));
  const put = (name: string, chart: Chart) => {
    const section = sections.get(name);
    if (section) section.charts.push(chart);
    else sections.set(name, { name, charts: [chart] });
  };

  for (const metric of metrics) {
    if (!matches(metric.key)) continue;
    // An x axis drawn over itself is a diagonal: like what is hidden or was taken away, it is for who asks for it.
    if (!filter && (axes.has(metric.key) || metric.hidden || removed.has(metric.key))) continue;
    const section = places.get(metric.key)?.section ?? pins.find(({ fits }) => fits(metric.key))?.name;
    put(section ?? prefixOf(metric.key), chartOf(metric, layout.panels[metric.key]));
  }
  const axisOf = new Map(metrics.map((metric) => [metric.key, metric.x]));
  for (const [id, setup] of Object.entries(layout.panels)) {
    if (!isAdded(id) || !setup.keys?.length) continue;
    const chart: Chart = {
      id,
      title: setup.title || setup.keys.join(", "),
      keys: setup.keys,
      x: setup.keys.map((key) => axisOf.get(key)).find((x) => x !== undefined) ?? "_step",
      setup,
    };
    if (matches(chart.title) || setup.keys.some(matches)) put(places.get(id)?.section ?? "", chart);
  }
  const found = [...sections.values()].filter(({ charts }) => charts.length);
  for (const section of found) section.charts = inPlace(section.charts, layout);
  return found.sort(
    (a, b) =>
      Number(b.pinned ?? false) - Number(a.pinned ?? false) ||
      (a.pinned ? 0 : rank(a.name) - rank(b.name) || a.name.localeCompare(b.name)),
  );
}

function chartOf({ key, x }: Metric, setup: Partial<PanelSetup> = {}): Chart {
  return { id: key, title: setup.title || key, keys: setup.keys?.length ? setup.keys : [key], x, setup };
}

/** Charts that were dragged, each before the one that it was dropped on. */
function inPlace(charts: Chart[], { places }: Layout): Chart[] {
  const ordered = [...charts];
  for (const { id, before } of places) {
    const from = ordered.findIndex((chart) => chart.id === id);
    if (from < 0) continue;
    const [chart] = ordered.splice(from, 1);
    const to = before === null ? -1 : ordered.findIndex((other) => other.id === before);
    ordered.splice(to < 0 ? ordered.length : to, 0, chart!);
  }
  return ordered;
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
