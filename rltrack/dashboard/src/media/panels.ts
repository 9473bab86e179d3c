/** Which panels there are for what some runs have logged, and under which heading each stands. */

import type { MediaItem, RunMedia } from "../server/types";
import { entriesOf, type Entry } from "./steps";

export type PanelKind =
  | "videos" | "images" | "histograms" | "audio" | "plots" | "scenes" | "molecules" | "figures" | "texts"
  | "pages" | "tables" | "graphs" | "files";

export interface MediaPanel {
  /** Unlike that of any other panel. */
  id: string;
  key: string;
  kind: PanelKind;
  /** Of each run that has it, what it logged, by step. */
  entries: Map<string, Entry[]>;
}

export interface MediaSection {
  kind: PanelKind;
  name: string;
  panels: MediaPanel[];
}

/** Headings, in their order. */
export const KIND_NAMES: Record<PanelKind, string> = {
  videos: "Videos",
  images: "Images",
  histograms: "Histograms",
  plots: "Plots",
  audio: "Audio",
  scenes: "3-D scenes",
  molecules: "Molecules",
  figures: "Figures",
  texts: "Texts",
  pages: "HTML",
  tables: "Tables",
  graphs: "Models",
  files: "Files",
};

const KINDS: Record<string, PanelKind> = {
  videos: "videos",
  images: "images",
  audio: "audio",
  object3D: "scenes",
  molecule: "molecules",
  plotly: "figures",
  bokeh: "figures",
  texts: "texts",
  markdown: "texts",
  html: "pages",
  graphs: "graphs",
  table: "tables",
  tables: "tables",
};

/** The panels in which an item is shown: a chart may also have its table shown. */
export function kindsOf(item: MediaItem): PanelKind[] {
  const kind = KINDS[item.kind] ?? "files";
  if (kind !== "tables" || !item.chart) return [kind];
  return item.chart.split_table ? ["plots", "tables"] : ["plots"];
}

/** The ending of a file. */
export function formatOf(url: string): string {
  return /\.(pts\.json|[a-z0-9]+)$/i.exec(url)?.[1]?.toLowerCase() ?? "";
}

/** All panels of some kinds, under their headings, by name. */
export function sectionsOf(
  runs: RunMedia[],
  kinds: ReadonlySet<PanelKind> | null,
  filter = "",
  /** Names of models by run. */
  graphs: ReadonlyMap<string, Iterable<string>> = new Map(),
): MediaSection[] {
  const items = new Map<string, { key: string; kind: PanelKind; runs: Map<string, MediaItem[]> }>();
  const put = (kind: PanelKind, key: string, run: string, found: MediaItem[]) => {
    if ((kinds && !kinds.has(kind)) || !fits(key, filter)) return;
    const id = `${kind}:${key}`;
    let panel = items.get(id);
    if (!panel) items.set(id, (panel = { key, kind, runs: new Map() }));
    const known = panel.runs.get(run);
    if (known) known.push(...found);
    else panel.runs.set(run, [...found]);
  };
  for (const { run, media, histograms } of runs) {
    for (const item of media) for (const kind of kindsOf(item)) put(kind, item.key, run, [item]);
    for (const key of histograms) put("histograms", key, run, []);
    for (const key of graphs.get(run) ?? []) put("graphs", key, run, []);
  }
  const panels = [...items].map(([id, { key, kind, runs: byRun }]): MediaPanel => ({
    id,
    key,
    kind,
    entries: new Map([...byRun].map(([run, found]) => [run, entriesOf(found)])),
  }));
  panels.sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
  return (Object.keys(KIND_NAMES) as PanelKind[])
    .map((kind) => ({ kind, name: KIND_NAMES[kind], panels: panels.filter((panel) => panel.kind === kind) }))
    .filter((section) => section.panels.length > 0);
}

/** The metric filter's rule: a regular expression, or where it is none, part of the name. */
function fits(key: string, filter: string): boolean {
  if (filter === "") return true;
  try {
    return new RegExp(filter, "i").test(key);
  } catch {
    return key.toLowerCase().includes(filter.toLowerCase());
  }
}
