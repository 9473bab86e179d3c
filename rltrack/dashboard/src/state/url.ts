/** The URL is the view: its path says the page, its query all that was set on the page. */

import { formatLayout, NO_LAYOUT, parseLayout, type Layout } from "../chart/layout";
import { SMOOTHINGS, type SmoothKind } from "../chart/smoothing";

export type Route =
  | { page: "projects" }
  | { page: "project"; project: string }
  | { page: "run"; project: string; run: string }
  | { page: "compare"; project: string; runs: string[] }
  | { page: "artifacts"; project: string; name: string | null; version: string | null }
  | { page: "statistics"; project: string }
  | { page: "reports"; project: string; report: string | null }
  | { page: "sweeps"; project: string; sweep: string | null }
  | { page: "parameters"; project: string }
  | { page: "account"; part: "sign-in" | "join" | "account" | "team" | "users"; name: string | null }
  | { page: "unknown" };

export interface Zoom {
  /** The x axis that the range is of; charts with another axis are not zoomed. */
  x: string;
  low: number;
  high: number;
  /** The part of the y axis, of the one chart in which a box was drawn; on a log axis in powers of ten. */
  y?: { chart: string; low: number; high: number };
}

export interface Sort {
  /** A field of runs, as the filter names it: `created_at`, `config.lr`, `max(loss)`. */
  by: string;
  down: boolean;
}

/** A column of the run table. */
export interface Column {
  field: string;
  /** In CSS pixels; null: as wide as such columns are. */
  width: number | null;
  pinned: boolean;
}

/** What a line of a group is, and the area around it. */
export interface BandChoice {
  centre: "mean" | "median" | "iqm" | "min" | "max";
  spread: "std" | "sem" | "minmax" | "bootstrap" | "none";
  /** Whether the runs of a group are drawn, too, faintly. */
  members: boolean;
}

/** Which runs are drawn: a base, and single runs that were switched on and off. */
export interface Selection {
  base: "newest" | "all" | "none";
  on: string[];
  off: string[];
}

export interface View {
  /** The saved view that this one began as; `auto`: none, though the project has one to begin with. */
  saved: string | null;
  runFilter: string;
  metricFilter: string;
  x: string;
  logY: boolean;
  logX: boolean;
  smoothing: number;
  smoothKind: SmoothKind;
  /** Whether y reaches to every value, and not only from the 5th to the 95th percentile. */
  outliers: boolean;
  /** Config keys, tags and the like that give lines their dash, and that make charts of their own. */
  dash: string[];
  facet: string[];
  /** What was changed by hand about single charts and their order. */
  layout: Layout;
  zoom: Zoom | null;
  /** The first counts most. */
  sort: Sort[];
  /** The columns of the run table; null: those that say most. */
  columns: Column[] | null;
  /** Fields that runs are grouped by, outermost first; `but:seed` is everything in config but the seed. */
  group: string[];
  /** Groups whose runs are listed. */
  unfolded: string[];
  band: BandChoice;
  /** Colour slots that were chosen by hand, by run or group. */
  tints: Record<string, number>;
  selection: Selection;
  foldedSections: string[];
  /** What lights up under the pointer: its run in all charts, its line in this one, or nothing. */
  hover: Hover;
  /** The run that the others are compared with in the table and in tooltips. */
  baseline: string | null;
  /** How much of the page the run table takes; null: a part where there is room. */
  list: "open" | "folded" | "wide" | null;
  /** Of the open run table, in CSS pixels. */
  listWidth: number;
  /** The chart that fills the screen. */
  panel: string | null;
  /** The tab of the run page. */
  tab: string;
  /** Up to where media are shown; null: the latest. */
  mediaStep: number | null;
  /** How tables are shown, by their key, as `tables/question.ts` packs it. */
  tables: Record<string, string>;
  /** How parameters and their outcome are looked at, as `sweeps/looked.ts` writes it. */
  looked: Record<string, string>;
}

/** The first of each is the default. */
export const HOVERS = ["run", "line", "off"] as const;
export type Hover = (typeof HOVERS)[number];
export const CENTRES = ["mean", "median", "iqm", "min", "max"] as const;
export const SPREADS = ["std", "sem", "minmax", "bootstrap", "none"] as const;

export const DEFAULT_VIEW: View = {
  saved: null,
  runFilter: "",
  metricFilter: "",
  x: "auto",
  logY: false,
  logX: false,
  smoothing: 0,
  smoothKind: "ema",
  outliers: true,
  dash: [],
  facet: [],
  layout: NO_LAYOUT,
  zoom: null,
  sort: [{ by: "created_at", down: true }],
  columns: null,
  group: [],
  unfolded: [],
  band: { centre: "mean", spread: "std", members: false },
  tints: {},
  selection: { base: "newest", on: [], off: [] },
  foldedSections: [],
  hover: "run",
  baseline: null,
  list: null,
  listWidth: 360,
  panel: null,
  tab: "charts",
  mediaStep: null,
  tables: {},
  looked: {},
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
  if (names[0] === "p" && names[2] === "compare" && names.length === 4) {
    return { page: "compare", project: names[1]!, runs: parseList(names[3]!) };
  }
  if (names[0] === "p" && names[2] === "artifacts" && names.length <= 5) {
    return { page: "artifacts", project: names[1]!, name: names[3] ?? null, version: names[4] ?? null };
  }
  if (names[0] === "p" && names[2] === "statistics" && names.length === 3) {
    return { page: "statistics", project: names[1]! };
  }
  if (names[0] === "p" && names[2] === "reports" && names.length <= 4) {
    return { page: "reports", project: names[1]!, report: names[3] ?? null };
  }
  if (names[0] === "p" && names[2] === "sweeps" && names.length <= 4) {
    return { page: "sweeps", project: names[1]!, sweep: names[3] ?? null };
  }
  if (names[0] === "p" && names[2] === "parameters" && names.length === 3) {
    return { page: "parameters", project: names[1]! };
  }
  const [part, name] = names;
  if (names.length === 1 && (part === "sign-in" || part === "join" || part === "account" || part === "users")) {
    return { page: "account", part, name: null };
  }
  if (names.length === 2 && part === "team") return { page: "account", part, name: name! };
  return { page: "unknown" };
}

/** Of all artifacts of a project, of one, or of one version of it. */
export function artifactPath(project: string, name?: string, version?: string): string {
  const parts = ["artifacts", name, version].filter((part) => part !== undefined);
  return [projectPath(project), ...parts.map(encodeURIComponent)].join("/");
}

export function statisticsPath(project: string): string {
  return `${projectPath(project)}/statistics`;
}

/** Of the list of reports, or of one. */
export function reportPath(project: string, report?: string): string {
  return `${projectPath(project)}/reports${report === undefined ? "" : `/${encodeURIComponent(report)}`}`;
}

/** Of the list of sweeps, or of one. */
export function sweepPath(project: string, sweep?: string): string {
  return `${projectPath(project)}/sweeps${sweep === undefined ? "" : `/${encodeURIComponent(sweep)}`}`;
}

export function parametersPath(project: string): string {
  return `${projectPath(project)}/parameters`;
}

export function comparePath(project: string, runs: string[]): string {
  return `${projectPath(project)}/compare/${encodeURIComponent(formatList(runs))}`;
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
    saved: params.get("view") || null,
    runFilter: text("q"),
    metricFilter: text("m"),
    x: params.get("x") || "auto",
    logY: text("y") === "log",
    smoothing: parseSmoothing(text("smooth")),
    logX: text("xs") === "log",
    smoothKind: oneOf(text("smoother"), SMOOTHINGS),
    outliers: text("outliers") !== "0",
    dash: parseList(text("dash")),
    facet: parseList(text("facet")),
    layout: parseLayout(text("layout")),
    zoom: parseZoom(text("zoom"), text("zoomy")),
    sort: parseSort(params.get("sort")),
    columns: params.has("cols") ? parseList(text("cols")).map(parseColumn) : null,
    group: parseList(text("group")),
    unfolded: parseList(text("open")),
    band: {
      centre: oneOf(text("centre"), CENTRES),
      spread: oneOf(text("spread"), SPREADS),
      members: text("members") === "1",
    },
    tints: parseTints(text("tint")),
    selection: {
      base: base === "all" || base === "none" ? base : "newest",
      on: parseList(text("on")),
      off: parseList(text("off")),
    },
    foldedSections: parseList(text("fold")),
    hover: oneOf(text("hover"), HOVERS),
    baseline: params.get("baseline") || null,
    list: list === "open" || list === "folded" || list === "wide" ? list : null,
    listWidth: Math.round(Number(params.get("width"))) || DEFAULT_VIEW.listWidth,
    panel: params.get("panel") || null,
    tab: params.get("tab") || "charts",
    tables: Object.fromEntries([...params].filter(([name]) => name.startsWith("t:")).map(([name, told]) => [name.slice(2), told])),
    mediaStep: params.has("step") && Number.isFinite(Number(text("step"))) ? Number(text("step")) : null,
    looked: Object.fromEntries([...params].flatMap(([name, value]) => (name.startsWith("v.") ? [[name.slice(2), value]] : []))),
  };
}

/** A view whose parts are those of another wherever they say the same: what hangs on them need not be made anew. */
export function withKept(known: View | null, view: View): View {
  if (!known) return view;
  const parts = Object.entries(view) as [keyof View, unknown][];
  const kept = parts.map(([name, part]) => [name, JSON.stringify(part) === JSON.stringify(known[name]) ? known[name] : part]);
  return Object.fromEntries(kept) as View;
}

/** The query of a view, with `?`; what is as by default is left out. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string, unset = "") => {
    if (value !== unset) params.set(name, value);
  };
  put("view", view.saved ?? "");
  put("q", view.runFilter);
  put("m", view.metricFilter);
  put("x", view.x, "auto");
  put("y", view.logY ? "log" : "");
  put("smooth", String(view.smoothing), "0");
  put("xs", view.logX ? "log" : "");
  put("smoother", view.smoothKind, SMOOTHINGS[0]);
  put("outliers", view.outliers ? "" : "0");
  put("dash", formatList(view.dash));
  put("facet", formatList(view.facet));
  put("layout", formatLayout(view.layout));
  put("zoomy", view.zoom?.y ? `${view.zoom.y.low},${view.zoom.y.high},${view.zoom.y.chart}` : "");
  put("zoom", view.zoom ? `${view.zoom.low},${view.zoom.high},${view.zoom.x}` : "");
  put("sort", formatSort(view.sort), formatSort(DEFAULT_VIEW.sort));
  if (view.columns) params.set("cols", formatList(view.columns.map(formatColumn)));
  put("group", formatList(view.group));
  put("open", formatList(view.unfolded));
  put("centre", view.band.centre, CENTRES[0]);
  put("spread", view.band.spread, SPREADS[0]);
  put("members", view.band.members ? "1" : "");
  put("tint", formatList(Object.entries(view.tints).map(([key, slot]) => `${slot}.${key}`)));
  put("runs", view.selection.base, "newest");
  put("on", formatList(view.selection.on));
  put("off", formatList(view.selection.off));
  put("fold", formatList(view.foldedSections));
  put("hover", view.hover, HOVERS[0]);
  put("baseline", view.baseline ?? "");
  put("list", view.list ?? "");
  put("width", String(view.listWidth), String(DEFAULT_VIEW.listWidth));
  put("panel", view.panel ?? "");
  put("tab", view.tab, "charts");
  put("step", view.mediaStep === null ? "" : String(view.mediaStep));
  for (const [key, told] of Object.entries(view.tables)) put(`t:${key}`, told);
  for (const [name, value] of Object.entries(view.looked)) put(`v.${name}`, value);
  // Slashes and commas need no escape in a query, and links are read by people.
  const query = params.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
  return query ? `?${query}` : "";
}

function parseSmoothing(text: string): number {
  const weight = Number(text);
  return Number.isFinite(weight) ? Math.min(0.999, Math.max(0, weight)) : 0;
}

function parseZoom(text: string, box: string): Zoom | null {
  const zoom = parseRange(text);
  if (!zoom) return null;
  const y = parseRange(box);
  const x = { x: zoom.name, low: zoom.low, high: zoom.high };
  return y ? { ...x, y: { chart: y.name, low: y.low, high: y.high } } : x;
}

/** `0,1000,global_step`: a range, and what it is of. */
function parseRange(text: string): { name: string; low: number; high: number } | null {
  const [low, high, ...name] = text.split(",");
  const range = { name: name.join(","), low: Number(low || NaN), high: Number(high || NaN) };
  return range.name && Number.isFinite(range.low) && range.high > range.low ? range : null;
}

function parseSort(text: string | null): Sort[] {
  if (text === null) return DEFAULT_VIEW.sort;
  return parseList(text).map((one) => ({ by: one.replace(/^-/, ""), down: one.startsWith("-") }));
}

function formatSort(sort: Sort[]): string {
  return formatList(sort.map(({ by, down }) => (down ? `-${by}` : by)));
}

/** `120:config.lr`, with `!` in front when it is pinned. */
function formatColumn({ field, width, pinned }: Column): string {
  return `${pinned ? "!" : ""}${width ?? ""}:${field}`;
}

function parseColumn(text: string): Column {
  const [, pin, width, field] = /^(!?)(\d*):(.*)$/s.exec(text) ?? ["", "", "", text];
  return { field: field!, width: width ? Math.min(1000, Math.max(40, Number(width))) : null, pinned: pin === "!" };
}

function parseTints(text: string): Record<string, number> {
  const tints: Record<string, number> = {};
  for (const one of parseList(text)) {
    const [, slot, key] = /^(\d{1,3})\.(.*)$/s.exec(one) ?? [];
    if (key) tints[key] = Number(slot);
  }
  return tints;
}

function oneOf<T extends string>(text: string, choices: readonly [T, ...T[]]): T {
  return choices.find((choice) => choice === text) ?? choices[0];
}

/** Names may hold a comma, so each is escaped on its own. */
export function formatList(names: string[]): string {
  return names.map((name) => name.replaceAll("~", "~0").replaceAll(",", "~1")).join(",");
}

export function parseList(text: string): string[] {
  if (!text) return [];
  return text.split(",").map((name) => name.replaceAll("~1", ",").replaceAll("~0", "~"));
}
