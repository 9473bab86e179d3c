/** What a chart draws: a run, or a group of runs as one line with a band. */

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
  /** Which dash, where lines are told apart by it; null: that of the slot. */
  dash?: number | null;
  /** The chart of its own that it is in, where charts are split; empty: where not. */
  facet?: string;
  /** The group of the run table that lights it, where that is another than itself. */
  lights?: string;
}

export function traceOfRun(run: Run, slot = run.slot): Trace {
  return { id: run.id, name: run.name, slot, state: run.state, runs: [run], isGroup: false };
}

export function traceOfGroup(id: string, name: string, slot: number, runs: Run[]): Trace {
  const state = runs.some((run) => run.state === "running") ? "running" : "finished";
  return { id, name, slot, state, runs, isGroup: true };
}

/** The traces of each chart, where charts are split; by name. */
export function facetsOf(traces: Trace[]): [string, Trace[]][] {
  const facets = new Map<string, Trace[]>();
  for (const trace of traces) {
    const name = trace.facet ?? "";
    const facet = facets.get(name);
    if (facet) facet.push(trace);
    else facets.set(name, [trace]);
  }
  return facets.size ? [...facets] : [["", []]];
}
