/** Vega-Lite specifications as they are drawn here: with our rows, size, colours and fonts. */

import type { Json, TableAnswer } from "../server/types";

type Spec = { [key: string]: Json };

const NOT_FINITE: Record<string, null> = { NaN: null, Infinity: null, "-Infinity": null };

/** Rows as objects. The column `run`, which holds ids, has the names that people know. */
export function objectsOf(answer: TableAnswer, names: Map<string, string>): Record<string, Json>[] {
  return answer.rows.map((row) =>
    Object.fromEntries(
      answer.columns.map(({ name, type }, i) => {
        const cell = row[i] ?? null;
        if (name === "run" && typeof cell === "string") return [name, names.get(cell) ?? cell];
        return [name, type === "float" && typeof cell === "string" && cell in NOT_FINITE ? null : cell];
      }),
    ),
  );
}

export interface Look {
  width: number;
  height: number;
  ink: string;
  muted: string;
  line: string;
  accent: string;
  /** A name and its colour for each run. */
  runs: { name: string; colour: string }[];
}

/** The specification with everything that it takes from this page. */
export function drawable(spec: Spec, look: Look): Spec {
  const { width, height } = look;
  const made: Spec = { ...spec, background: "transparent", config: { ...(asObject(spec.config) ?? {}), ...themeOf(look) } };
  delete made.$schema;
  const facet = asObject(spec.facet);
  const inner = asObject(spec.spec);
  if (facet && inner) {
    const columns = Math.min(Number(spec.columns) || 2, Math.max(1, look.runs.length));
    const rows = Math.ceil(look.runs.length / columns);
    made.columns = columns;
    made.spec = { ...inner, width: Math.max(80, (width - 60) / columns - 60), height: Math.max(80, (height - 40) / rows - 60) };
    return made;
  }
  if (["hconcat", "vconcat", "concat", "repeat"].some((part) => part in spec)) return made;
  made.width = spec.width === "container" || spec.width === undefined ? width : spec.width;
  made.height = spec.height === "container" || spec.height === undefined ? height : spec.height;
  if (made.width === width && made.height === height) made.autosize = { type: "fit", contains: "padding" };
  const encoding = asObject(spec.encoding);
  const colour = asObject(encoding?.color);
  if (encoding && colour?.field === "run") {
    const scale = { domain: look.runs.map(({ name }) => name), range: look.runs.map(({ colour: one }) => one) };
    made.encoding = { ...encoding, color: { ...colour, scale } };
  }
  return made;
}

function asObject(value: Json | undefined): Spec | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
}

function themeOf(look: Look): Spec {
  const font = "Inter Variable, system-ui, sans-serif";
  return {
    font,
    view: { stroke: null },
    title: { color: look.ink, fontSize: 12, fontWeight: 560, anchor: "start" },
    axis: {
      labelColor: look.muted, titleColor: look.muted, titleFontWeight: 400, labelFontSize: 11, titleFontSize: 11,
      gridColor: look.line, domainColor: look.line, tickColor: look.line,
    },
    axisX: { grid: false },
    header: { labelColor: look.ink, titleColor: look.muted, titleFontWeight: 400 },
    legend: { labelColor: look.ink, titleColor: look.muted, titleFontWeight: 400, labelFontSize: 11, titleFontSize: 11 },
    mark: { color: look.accent },
    text: { color: look.ink },
    line: { strokeWidth: 1.6 },
    range: { category: [look.accent, "#ae692b", "#33977d", "#850074", "#b19600", "#339bf9", "#b51447", "#696682"] },
  };
}
