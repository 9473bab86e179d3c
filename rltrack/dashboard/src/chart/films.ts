/** Which runs of a chart have films of their episodes, to be seen at one of its points. */

import type { Run } from "../server/types";
import type { Reading } from "./reading";
import type { Trace } from "./traces";

/** So many runs are offered. */
const MOST = 12;

/** Whether a metric tells of episodes: their films are looked for. */
export function isOfEpisodes(key: string): boolean {
  return /return|rew|score|success|episode|ep_len/i.test(key);
}

/** The runs with films, in the order of the readings; of a group its members. */
export function filmedRuns(readings: Reading[], traces: Trace[]): Run[] {
  const byId = new Map(traces.map((trace) => [trace.id, trace.runs]));
  const runs = readings.flatMap(({ run }) => byId.get(run) ?? []);
  return [...new Set(runs)].filter(isFilmed).slice(0, MOST);
}

export function isFilmed(run: Run): boolean {
  return Object.values(run.summary).some(
    (value) => value !== null && typeof value === "object" && !Array.isArray(value) && String(value._type).startsWith("video"),
  );
}
