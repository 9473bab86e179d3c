/** A run as media panels name it. */

import type { Json, Run } from "../server/types";

export interface ShownRun {
  id: string;
  name: string;
  /** Of its colour. */
  slot: number;
  isRunning: boolean;
  /** Layers of its models, by the name in its summary, which `watch` keeps there. */
  graphs: Map<string, Json>;
}

export function shownRun(run: Run, slot = run.slot): ShownRun {
  return { id: run.id, name: run.name, slot, isRunning: run.state === "running", graphs: graphsOf(run.summary) };
}

function graphsOf(summary: Run["summary"]): Map<string, Json> {
  return new Map(
    Object.entries(summary).filter(
      ([, value]) => typeof value === "object" && value !== null && !Array.isArray(value) && value._type === "graph",
    ),
  );
}
