/** What was changed by hand about the charts of a page: kept in the link, and nothing else. */

import { SMOOTHINGS, type SmoothKind } from "./smoothing";

/** How one chart differs from the others of the page. What is left out is as the page says. */
export interface PanelSetup {
  /** Metrics or expressions, each with a line for every run. */
  keys: string[];
  /** Those of `keys` that have the axis at the right. */
  right: string[];
  title: string;
  x: string;
  logX: boolean;
  logY: boolean;
  smoothing: number;
  smoothKind: SmoothKind;
  outliers: boolean;
  /** Mark the best point of each line: the highest, or the lowest. */
  best: "max" | "min";
  /** In columns and rows of charts. */
  wide: number;
  tall: number;
}

/** A section made of a search: all charts that it finds, now and later. */
export interface Pin {
  name: string;
  match: string;
}

/** Where a chart was dragged to: a section, and the chart that it stands before. */
export interface Place {
  id: string;
  section: string;
  before: string | null;
}

export interface Layout {
  /** By the id of the chart: that of an automatic one is its metric. */
  panels: Record<string, Partial<PanelSetup>>;
  pins: Pin[];
  /** In the order in which they were dragged. */
  places: Place[];
  /** Charts that were taken away. */
  removed: string[];
}

export const NO_LAYOUT: Layout = { panels: {}, pins: [], places: [], removed: [] };
export const MOST_WIDE = 4;
export const MOST_TALL = 3;
/** Charts that were added are named so; no metric's name begins with it. */
const ADDED = "+";

export function isAdded(id: string): boolean {
  return id.startsWith(ADDED);
}

export function isChanged({ panels, pins, places, removed }: Layout): boolean {
  return Object.keys(panels).length + pins.length + places.length + removed.length > 0;
}

export function withPanel(layout: Layout, id: string, change: Partial<PanelSetup>): Layout {
  const setup: Partial<PanelSetup> = { ...layout.panels[id], ...change };
  for (const name of Object.keys(setup) as (keyof PanelSetup)[]) if (setup[name] === undefined) delete setup[name];
  const panels = { ...layout.panels, [id]: setup };
  if (Object.keys(setup).length === 0) delete panels[id];
  return { ...layout, panels };
}

/** A chart more, of some metrics or expressions; and its id. */
export function withAdded(layout: Layout, keys: string[], section: string): [Layout, string] {
  let number = 1;
  while (layout.panels[`${ADDED}${number}`]) number += 1;
  const id = `${ADDED}${number}`;
  const places = [...layout.places, { id, section, before: null }];
  return [{ ...layout, panels: { ...layout.panels, [id]: { keys } }, places }, id];
}

export function without(layout: Layout, id: string): Layout {
  const { [id]: _gone, ...panels } = layout.panels;
  const places = layout.places.filter((place) => place.id !== id);
  return { ...layout, panels, places, removed: isAdded(id) ? layout.removed : [...layout.removed, id] };
}

export function moved(layout: Layout, id: string, section: string, before: string | null): Layout {
  return { ...layout, places: [...layout.places.filter((place) => place.id !== id), { id, section, before }] };
}

export function withPin(layout: Layout, match: string): Layout {
  if (layout.pins.some((pin) => pin.match === match)) return layout;
  return { ...layout, pins: [...layout.pins, { name: match, match }] };
}

export function withoutPin(layout: Layout, name: string): Layout {
  return { ...layout, pins: layout.pins.filter((pin) => pin.name !== name) };
}

// -- in the link -----------------------------------------------------------------------------------

export function formatLayout(layout: Layout): string {
  if (!isChanged(layout)) return "";
  const { panels, pins, places, removed } = layout;
  return JSON.stringify({
    ...(Object.keys(panels).length && { panels }),
    ...(pins.length && { pins: pins.map(({ name, match }) => [name, match]) }),
    ...(places.length && { places: places.map(({ id, section, before }) => [id, section, before]) }),
    ...(removed.length && { removed }),
  });
}

/** A layout of a link; whatever in it is not what it may be is left out. */
export function parseLayout(text: string): Layout {
  if (!text) return NO_LAYOUT;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return NO_LAYOUT;
  }
  const given = isObject(found) ? found : {};
  const texts = (list: unknown): string[] => (Array.isArray(list) ? list.filter((one) => typeof one === "string") : []);
  const rows = (list: unknown): unknown[][] => (Array.isArray(list) ? list.filter(Array.isArray) : []);
  const panels: Layout["panels"] = {};
  if (isObject(given.panels)) {
    for (const [id, setup] of Object.entries(given.panels)) if (isObject(setup)) panels[id] = parsePanel(setup);
  }
  return {
    panels,
    pins: rows(given.pins).flatMap(([name, match]) =>
      typeof name === "string" && typeof match === "string" ? [{ name, match }] : [],
    ),
    places: rows(given.places).flatMap(([id, section, before]) =>
      typeof id === "string" && typeof section === "string"
        ? [{ id, section, before: typeof before === "string" ? before : null }]
        : [],
    ),
    removed: texts(given.removed),
  };

  function parsePanel(setup: Record<string, unknown>): Partial<PanelSetup> {
    const panel: Partial<PanelSetup> = {};
    for (const name of ["keys", "right"] as const) if (Array.isArray(setup[name])) panel[name] = texts(setup[name]);
    for (const name of ["title", "x"] as const) if (typeof setup[name] === "string") panel[name] = setup[name];
    for (const name of ["logX", "logY", "outliers"] as const) {
      if (typeof setup[name] === "boolean") panel[name] = setup[name];
    }
    const number = (name: string, least: number, most: number): number | undefined =>
      typeof setup[name] === "number" ? Math.min(most, Math.max(least, setup[name])) : undefined;
    panel.smoothing = number("smoothing", 0, 0.999);
    panel.wide = number("wide", 1, MOST_WIDE);
    panel.tall = number("tall", 1, MOST_TALL);
    panel.smoothKind = SMOOTHINGS.find((kind) => kind === setup.smoothKind);
    panel.best = (["max", "min"] as const).find((best) => best === setup.best);
    for (const name of Object.keys(panel) as (keyof PanelSetup)[]) if (panel[name] === undefined) delete panel[name];
    return panel;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
