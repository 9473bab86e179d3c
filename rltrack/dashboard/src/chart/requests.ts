/** What a chart asks the server for: one question for each of its metrics, and for each hundred runs. */

import { hasMetric } from "../runs/values";
import type { PanelRequest } from "../server/types";
import type { BandChoice } from "../state/url";
import type { Range } from "./ranges";
import type { Trace } from "./traces";

/** So the first hundred lines are there while the next are on their way. */
export const RUNS_AT_ONCE = 100;

const BOOTSTRAP_BUCKETS = 200;

export interface Wanted {
  keys: string[];
  x: string;
  logX: boolean;
  stream: "default" | "system";
  band: BandChoice;
  buckets: number;
  range: Range | null;
}

/** The questions by name; of the same name, one replaces the other. */
export function requestsOf(traces: Trace[], wanted: Wanted): Map<string, PanelRequest> {
  const { keys, stream, band, logX, ...rest } = wanted;
  const asked = new Map<string, PanelRequest>();
  for (const key of keys) {
    const having = stream === "system" ? traces : withMetric(traces, key);
    const groups = having.filter((trace) => trace.isGroup);
    const runs = having.flatMap((trace) => trace.runs.map((run) => run.id));
    if (!runs.length) continue;
    const what = { key, stream, ...rest, ...(logX && { log_x: true }) };
    if (groups.length) {
      const named = Object.fromEntries(groups.map(({ id, runs }) => [id, runs.map((run) => run.id)]));
      // Two thousand draws for every bucket: an interval of two hundred is as smooth, and there at once.
      const buckets = band.spread === "bootstrap" ? Math.min(what.buckets, BOOTSTRAP_BUCKETS) : what.buckets;
      asked.set(`${key}\n`, { ...what, buckets, runs, groups: named, ...band });
      continue;
    }
    for (let i = 0; i < runs.length; i += RUNS_AT_ONCE) {
      asked.set(`${key}\n${i}`, { ...what, runs: runs.slice(i, i + RUNS_AT_ONCE) });
    }
  }
  return asked;
}

/** The traces that have a metric, each with only the runs that do; of an expression, which only the server reads, all. */
export function withMetric(traces: Trace[], key: string): Trace[] {
  const found = traces.flatMap((trace) => {
    const runs = trace.runs.filter((run) => hasMetric(run, key));
    return runs.length === 0 ? [] : [runs.length === trace.runs.length ? trace : { ...trace, runs }];
  });
  return found.length ? found : traces;
}
