/** A chart as a picture without a page: asked for and drawn at once, for a report that leaves the server. */

import { curvesIn, linesOf, type Answer } from "../chart/lines";
import { csvOfLines } from "../chart/exported";
import type { Curve } from "../chart/curves";
import { svgOf } from "../chart/picture";
import { aboveZero, innerExtent, padded, xWithRoom, yExtent, type Range } from "../chart/ranges";
import { requestsOf } from "../chart/requests";
import type { Chart } from "../chart/sections";
import { smooth } from "../chart/smoothing";
import { facetsOf, type Trace } from "../chart/traces";
import { fetchSeries } from "../server/api";
import type { View } from "../state/url";

export interface Colours {
  dark: boolean;
  ink: string;
  muted: string;
  hairline: string;
  paper: string;
}

export interface Drawn {
  svg: string;
  csv: string;
  /** What lines of groups and the areas around them are; empty for runs. */
  statistic: string;
}

const BUCKETS = 900;

/** The chart of some traces as a view says; a picture for each of its facets. */
export async function drawChart(project: string, chart: Chart, traces: Trace[], view: View, size: { width: number; height: number }, colours: Colours): Promise<Drawn[]> {
  return Promise.all(facetsOf(traces).map(([facet, part]) => drawFacet(project, facet ? { ...chart, title: `${chart.title} · ${facet}` } : chart, part, view, size, colours)));
}

async function drawFacet(project: string, chart: Chart, traces: Trace[], view: View, size: { width: number; height: number }, colours: Colours): Promise<Drawn> {
  const range: Range | null = view.zoom ? [view.zoom.low, view.zoom.high] : null;
  const asked = requestsOf(traces, { keys: chart.keys, x: view.x === "auto" ? chart.x : view.x, logX: view.logX, stream: "default", band: view.band, buckets: BUCKETS, range });
  const frames = asked.size ? await fetchSeries(project, [...asked.values()]) : [];
  const answers = [...asked.keys()].map((name, i): Answer => ({ key: name.slice(0, name.lastIndexOf("\n")), frame: frames[i]! }));
  const smoothed = (curve: Curve) => (view.smoothing ? smooth(curve.x, curve.y, view.smoothing, view.smoothKind) : null);
  const lines = linesOf(answers, traces, { keys: chart.keys, right: [], dark: colours.dark, baseline: view.baseline, smoothed });
  const curves = answers.flatMap(({ frame }) => curvesIn(frame));

  const extents = answers.flatMap(({ frame }) => (frame.extent ? [frame.extent] : []));
  const whole: Range = extents.length ? [Math.min(...extents.map(([low]) => low)), Math.max(...extents.map(([, high]) => high))] : [0, 1];
  const x = range ?? (view.logX ? aboveZero(curves, whole) ?? [1, 10] : xWithRoom(whole, false));
  const found = (view.outliers ? null : innerExtent(curves, x, view.logY)?.range) ?? yExtent(curves, x, view.logY);
  const axis = answers[0]?.frame.x ?? chart.x;
  const svg = svgOf({ title: chart.title, axis, lines, view: x, y: found ? padded(found, view.logY) : [0, 1], right: null, log: view.logY, logX: view.logX, ...size, ...colours });
  const sizes = traces.map((trace) => trace.runs.length);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const name = answers[0]?.frame.bands[0]?.name;
  return { svg, csv: csvOfLines(lines, axis), statistic: name ? `${name}, n=${least === most ? most : `${least}–${most}`}` : "" };
}
