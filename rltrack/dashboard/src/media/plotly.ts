/** Plotly's figures. A chunk of its own, of the parts that need no `eval`. */

import type { Json } from "../server/types";

interface Plotly {
  newPlot(place: HTMLElement, data: Json, layout: Json, config: Json): Promise<unknown>;
  purge(place: HTMLElement): void;
}

/**
 * Plotly writes its styles into an element of its own, which the policy of the page forbids. Into one that
 * is there already under its name it writes them too, by rules: those of this sheet belong to the page.
 */
function provideStyles(): void {
  const id = "plotly.js-style-global";
  if (document.getElementById(id)) return;
  const sheet = new CSSStyleSheet();
  const holder = document.createElement("meta");
  holder.id = id;
  Object.defineProperty(holder, "sheet", { value: sheet });
  document.head.append(holder);
  document.adoptedStyleSheets.push(sheet);
}

export async function drawPlotly(place: HTMLElement, figure: Json, ink: string, line: string): Promise<() => void> {
  provideStyles();
  const plotly = ((await import("plotly.js-cartesian-dist-min")) as unknown as { default: Plotly }).default;
  const { data, layout } = figure as { data: Json; layout?: { [key: string]: Json } };
  const given = layout ?? {};
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line };
  const made = {
    ...given,
    autosize: true,
    width: undefined,
    height: undefined,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "Inter Variable, system-ui, sans-serif", size: 12, ...((given.font as object) ?? {}), color: ink },
    margin: { l: 48, r: 16, t: given.title ? 40 : 16, b: 40, ...((given.margin as object) ?? {}) },
    xaxis: { ...axis, ...((given.xaxis as object) ?? {}) },
    yaxis: { ...axis, ...((given.yaxis as object) ?? {}) },
  } as unknown as Json;
  await plotly.newPlot(place, data, made, { responsive: true, displaylogo: false, displayModeBar: "hover" });
  return () => plotly.purge(place);
}

/** Traces that this part of Plotly draws. */
const DRAWN = new Set(["scatter", "bar", "box", "heatmap", "histogram", "histogram2d", "histogram2dcontour", "contour", "image", "pie", "scatterternary", "violin"]);

/** The kinds of traces that are not drawn here. */
export function unknownTraces(figure: Json): string[] {
  const data = (figure as { data?: { type?: string }[] } | null)?.data ?? [];
  return [...new Set(data.map(({ type }) => type ?? "scatter").filter((type) => !DRAWN.has(type)))];
}
