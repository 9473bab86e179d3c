/** What the page compares: trials of a sweep, or any runs, each with its parameters and its outcome. */

import { asNumber, flatten, summaryNumber } from "../runs/values";
import type { Json, Run, SweepTrial } from "../server/types";

export type Goal = "minimize" | "maximize";

export interface Row {
  /** Of the trial or the run. */
  id: string;
  name: string;
  /** The run's id; null where there is none. */
  run: string | null;
  trial: SweepTrial | null;
  state: string;
  parameters: { [key: string]: Json };
  /** What is judged; null where it is not known. */
  value: number | null;
  startedAt: number;
  seconds: number | null;
}

/** A row a trial. The sweep's own metrics are the ledger's words; others are read from the trial's run. */
export function rowsOfTrials(trials: SweepTrial[], runs: Run[], metrics: string[], metric: string): Row[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const at = metrics.indexOf(metric);
  return trials.map((trial) => {
    const run = byId.get(trial.run);
    const own = at >= 0 ? (trial.values?.[at] ?? null) : null;
    const seen = trial.state === "failed" || !run ? null : summaryNumber(run, metric);
    return {
      id: String(trial.number),
      // Below 0 are those that the method did not choose.
      name: trial.number < 0 ? `trial ${trial.number}, by hand` : `trial ${trial.number}`,
      run: run ? run.id : null,
      trial,
      state: trial.state,
      parameters: trial.parameters,
      // A trial that runs is worth what it last logged; once it has ended, what was written of it.
      value: finite(own ?? (at < 0 || trial.state === "running" ? seen : null)),
      startedAt: trial.started_at,
      seconds: trial.ended_at === null ? null : trial.ended_at - trial.started_at,
    };
  });
}

export function rowsOfRuns(runs: Run[], metric: string): Row[] {
  return [...runs]
    .sort((a, b) => a.created_at - b.created_at)
    .map((run) => ({
      id: run.id,
      name: run.name,
      run: run.id,
      trial: null,
      state: run.state,
      parameters: Object.fromEntries(flatten(run.config)),
      value: finite(summaryNumber(run, metric)),
      startedAt: run.created_at,
      seconds: run.duration_s,
    }));
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The parameters of which there are two values or more, by name. */
export function varied(rows: Row[]): string[] {
  const first = new Map<string, string>();
  const found = new Set<string>();
  const names = new Set(rows.flatMap((row) => Object.keys(row.parameters)));
  for (const name of names) {
    for (const row of rows) {
      const text = JSON.stringify(row.parameters[name] ?? null);
      if (!first.has(name)) first.set(name, text);
      else if (first.get(name) !== text) {
        found.add(name);
        break;
      }
    }
  }
  return [...found].sort();
}

/** Metrics that some run has a last number of. */
export function judges(runs: Run[], metrics: string[]): string[] {
  return metrics.filter((key) => runs.some((run) => summaryNumber(run, key) !== null));
}

export function isBetter(a: number, b: number, goal: Goal): boolean {
  return goal === "minimize" ? a < b : a > b;
}

export function bestOf(rows: Row[], goal: Goal): Row | null {
  let best: Row | null = null;
  for (const row of rows) {
    if (row.value === null || (row.trial && row.state === "running")) continue;
    if (best === null || isBetter(row.value, best.value!, goal)) best = row;
  }
  return best;
}

export interface Step {
  /** Place among all rows that have a value, from 0. */
  at: number;
  row: Row;
  best: number;
}

/** What the best was, after each row. */
export function bestSoFar(rows: Row[], goal: Goal): Step[] {
  const steps: Step[] = [];
  let best: number | null = null;
  rows.forEach((row, at) => {
    if (row.value === null) return;
    const counts = !(row.trial && row.state === "running");
    if (counts && (best === null || isBetter(row.value, best, goal))) best = row.value;
    if (best !== null) steps.push({ at, row, best });
    else steps.push({ at, row, best: row.value });
  });
  return steps;
}

export type Order = { by: string; down: boolean };

/** Rows in the order of a column: `trial`, `state`, `value`, `seconds`, or a parameter; those without it are last. */
export function sorted(rows: Row[], { by, down }: Order): Row[] {
  const read = (row: Row): number | string | null => {
    if (by === "value") return row.value;
    if (by === "seconds") return row.seconds;
    if (by === "state") return row.state;
    if (by === "trial") return row.trial ? row.trial.number : row.startedAt;
    const value = row.parameters[by];
    if (value === undefined || value === null) return null;
    return asNumber(value) ?? (typeof value === "string" ? value : JSON.stringify(value));
  };
  const keyed = rows.map((row, place) => ({ row, key: read(row), place }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null) || a.place - b.place;
    const order =
      typeof a.key === "number" && typeof b.key === "number"
        ? a.key - b.key
        : String(a.key).localeCompare(String(b.key), "en", { numeric: true });
    return (down ? -order : order) || a.place - b.place;
  });
  return keyed.map(({ row }) => row);
}
