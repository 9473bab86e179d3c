/** What a chart draws: a run, or a group of runs as one line with a band. */

import { hasMetric } from "../runs/values";
import type { Run, State } from "../server/types";

export interface Trace {
  /** Of the run, or of the group. */
  id: string;
  name: string;
  slot: number;
  /** Of a group: running as long as one of its runs is. */
  state: State;
  runs: Run[];
  isGroup: boolean;
}

export function traceOfRun(run: Run, slot = run.slot): Trace {
  return { id: run.id, name: run.name, slot, state: run.state, runs: [run], isGroup: false };
}

export function traceOfGroup(id: string, name: string, slot: number, runs: Run[]): Trace {
  const state = runs.some((run) => run.state === "running") ? "running" : "finished";
  return { id, name, slot, state, runs, isGroup: true };
}

/** The traces that have a metric, each with only the runs that do. */
export function withMetric(traces: Trace[], key: string): Trace[] {
  return traces.flatMap((trace) => {
    const runs = trace.runs.filter((run) => hasMetric(run, key));
    return runs.length === 0 ? [] : [runs.length === trace.runs.length ? trace : { ...trace, runs }];
  });
}
