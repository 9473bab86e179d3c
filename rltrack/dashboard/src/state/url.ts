/** The URL is the view: its path says the page, its query all that was set on the page. */

export type Route =
  | { page: "projects" }
  | { page: "project"; project: string }
  | { page: "run"; project: string; run: string }
  | { page: "unknown" };

export interface Zoom {
  /** The x axis that the range is of; charts with another axis are not zoomed. */
  x: string;
  low: number;
  high: number;
}

export interface Sort {
  by: string;
  down: boolean;
}

/** Which runs are drawn: a base, and single runs that were switched on and off. */
export interface Selection {
  base: "newest" | "all" | "none";
  on: string[];
  off: string[];
}

export interface View {
  runFilter: string;
  metricFilter: string;
  x: string;
  logY: boolean;
  smoothing: number;
  zoom: Zoom | null;
  sort: Sort;
  /** The metric whose number stands in the run list; null: the one that says most. */
  value: string | null;
  selection: Selection;
  foldedSections: string[];
  /** Whether the run list is open; null: open where there is room. */
  listOpen: boolean | null;
  /** The chart that fills the screen. */
  panel: string | null;
  /** The tab of the run page. */
  tab: string;
}

export const DEFAULT_VIEW: View = {
  runFilter: "",
  metricFilter: "",
  x: "auto",
  logY: false,
  smoothing: 0,
  zoom: null,
  sort: { by: "started", down: true },
  value: null,
  selection: { base: "newest", on: [], off: [] },
  foldedSections: [],
  listOpen: null,
  panel: null,
  tab: "charts",
};

export function parseRoute(path: string): Route {
  const parts = path.split("/").filter(Boolean);
  let names: string[];
  try {
    names = parts.map(decodeURIComponent);
  } catch {
    return { page: "unknown" };
  }
  if (names.length === 0) return { page: "projects" };
  if (names[0] === "p" && names.length === 2) return { page: "project", project: names[1]! };
  if (names[0] === "p" && names[2] === "r" && names.length === 4) {
    return { page: "run", project: names[1]!, run: names[3]! };
  }
  return { page: "unknown" };
}

export function projectPath(project: string): string {
  return `/p/${encodeURIComponent(project)}`;
}

export function runPath(project: string, run: string): string {
  return `${projectPath(project)}/r/${encodeURIComponent(run)}`;
}

export function parseView(query: string): View {
  const params = new URLSearchParams(query);
  const text = (name: string) => params.get(name) ?? "";
  const base = text("runs");
  const list = text("list");
  return {
    runFilter: text("q"),
    metricFilter: text("m"),
    x: params.get("x") || "auto",
    logY: text("y") === "log",
    smoothing: parseSmoothing(text("smooth")),
    zoom: parseZoom(text("zoom")),
    sort: parseSort(params.get("sort")),
    value: params.get("value") || null,
    selection: {
      base: base === "all" || base === "none" ? base : "newest",
      on: parseList(text("on")),
      off: parseList(text("off")),
    },
    foldedSections: parseList(text("fold")),
    listOpen: list === "open" ? true : list === "folded" ? false : null,
    panel: params.get("panel") || null,
    tab: params.get("tab") || "charts",
  };
}

/** The query of a view, with `?`; what is as by default is left out. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string, unset = "") => {
    if (value !== unset) params.set(name, value);
  };
  put("q", view.runFilter);
  put("m", view.metricFilter);
  put("x", view.x, "auto");
  put("y", view.logY ? "log" : "");
  put("smooth", String(view.smoothing), "0");
  put("zoom", view.zoom ? `${view.zoom.low},${view.zoom.high},${view.zoom.x}` : "");
  put("sort", `${view.sort.by}${view.sort.down ? "" : ".up"}`, DEFAULT_VIEW.sort.by);
  put("value", view.value ?? "");
  put("runs", view.selection.base, "newest");
  put("on", formatList(view.selection.on));
  put("off", formatList(view.selection.off));
  put("fold", formatList(view.foldedSections));
  put("list", view.listOpen === null ? "" : view.listOpen ? "open" : "folded");
  put("panel", view.panel ?? "");
  put("tab", view.tab, "charts");
  // Slashes and commas need no escape in a query, and links are read by people.
  const query = params.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
  return query ? `?${query}` : "";
}

function parseSmoothing(text: string): number {
  const weight = Number(text);
  return Number.isFinite(weight) ? Math.min(0.999, Math.max(0, weight)) : 0;
}

function parseZoom(text: string): Zoom | null {
  const [low, high, ...x] = text.split(",");
  const zoom = { x: x.join(","), low: Number(low || NaN), high: Number(high || NaN) };
  return zoom.x && Number.isFinite(zoom.low) && zoom.high > zoom.low ? zoom : null;
}

function parseSort(text: string | null): Sort {
  if (!text) return DEFAULT_VIEW.sort;
  return text.endsWith(".up") ? { by: text.slice(0, -3), down: false } : { by: text, down: true };
}

/** Names may hold a comma, so each is escaped on its own. */
function formatList(names: string[]): string {
  return names.map((name) => name.replaceAll("~", "~0").replaceAll(",", "~1")).join(",");
}

function parseList(text: string): string[] {
  if (!text) return [];
  return text.split(",").map((name) => name.replaceAll("~1", ",").replaceAll("~0", "~"));
}
