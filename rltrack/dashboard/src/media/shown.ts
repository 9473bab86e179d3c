/** A run as media panels name it. */

import type { Run } from "../server/types";

export interface ShownRun {
  id: string;
  name: string;
  /** Of its colour. */
  slot: number;
  isRunning: boolean;
}

export function shownRun(run: Run, slot = run.slot): ShownRun {
  return { id: run.id, name: run.name, slot, isRunning: run.state === "running" };
}
