/** From the server's answers to the lines of a chart: which there are, how each looks, what it is called. */

import type { PanelFrame } from "../server/frame";
import { bandCurves, curvesOf, leftCurves, type Curve } from "./curves";
import type { Line } from "./painter";
import { withoutSharedStart } from "./labels";
import { lineStyle } from "./palette";
import type { Trace } from "./traces";

/** An answer for one of the chart's metrics, and some of its runs. */
export interface Answer {
  key: string;
  frame: PanelFrame;
}

/** Made once for an answer, so that what was traced of it stays. */
const made = new WeakMap<PanelFrame, Curve[]>();

export function curvesIn(frame: PanelFrame): Curve[] {
  let curves = made.get(frame);
  if (!curves) made.set(frame, (curves = [...bandCurves(frame), ...curvesOf(frame)]));
  return curves;
}

const left = new WeakMap<PanelFrame, Curve[]>();

function leftIn(frame: PanelFrame): Curve[] {
  let curves = left.get(frame);
  if (!curves) left.set(frame, (curves = leftCurves(frame)));
  return curves;
}

export interface LineOptions {
  keys: string[];
  right: string[];
  dark: boolean;
  baseline?: string | null;
  best?: "max" | "min";
  smoothed: (curve: Curve) => Float64Array | null;
}

const BASELINE_DASH = [9, 4];

export function linesOf(answers: Answer[], traces: Trace[], { keys, right, dark, baseline = null, best, smoothed }: LineOptions): Line[] {
  const byId = new Map(traces.map((trace) => [trace.id, trace]));
  const groupOf = new Map(traces.flatMap((trace) => trace.runs.map((run) => [run.id, trace])));
  const short = withoutSharedStart(traces.map((trace) => trace.name));
  const names = new Map(traces.map((trace, i) => [trace.id, short[i]!]));
  const many = keys.length > 1;

  return answers.flatMap(({ key, frame }) => {
    const number = keys.indexOf(key);
    const ends = leftIn(frame).flatMap((curve, i): Line[] => {
      const trace = byId.get(curve.run) ?? groupOf.get(curve.run);
      if (!trace || number < 0) return [];
      const { colour } = many && traces.length === 1 ? lineStyle(number, dark, 0) : lineStyle(trace.slot, dark, null);
      return [
        {
          id: `${key}\n${curve.run}\nleft ${i}`, run: curve.run, name: "", colour, dash: [3, 3], curve, smoothed: null,
          band: false, stopped: false, left: true, right: right.includes(key),
        },
      ];
    });
    const shown = curvesIn(frame).flatMap((curve): Line[] => {
      const trace = byId.get(curve.run) ?? groupOf.get(curve.run);
      if (!trace || number < 0 || curve.x.length === 0) return [];
      const faint = trace.id !== curve.run;
      // Of one run, its metrics are told apart by colour; of several, by dash.
      const style = many && traces.length === 1 ? lineStyle(number, dark, 0) : lineStyle(trace.slot, dark, many ? number : trace.dash);
      const name = !many ? names.get(trace.id)! : traces.length === 1 ? key : `${names.get(trace.id)!} · ${key}`;
      return [
        {
          id: many ? `${key}\n${curve.run}` : curve.run,
          run: curve.run,
          name: faint ? "" : name,
          colour: style.colour,
          dash: faint ? [] : curve.run === baseline ? BASELINE_DASH : style.dash,
          base: curve.run === baseline,
          best: faint ? undefined : best,
          curve,
          smoothed: smoothed(curve),
          band: trace.isGroup ? !faint : !frame.exact,
          stopped: !trace.isGroup && trace.state !== "running" && trace.state !== "finished",
          faint,
          members: trace.isGroup && !faint ? new Set([...trace.runs.map((run) => run.id), ...(trace.lights ? [trace.lights] : [])]) : undefined,
          right: right.includes(key),
        },
      ];
    });
    return [...ends, ...shown];
  });
}
