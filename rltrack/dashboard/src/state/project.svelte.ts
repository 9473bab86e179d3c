/** The runs of one project, kept up to date while a page shows them. */

import { fetchRuns, fetchSeries, ServerError, UnreachableError } from "../server/api";
import { follow } from "../server/follow";
import { link } from "../server/link.svelte";
import { SeriesLoader } from "../server/loader";
import { atMostEvery } from "../server/throttle";
import type { Metric, Run, RunsAnswer } from "../server/types";

/** Live points are fetched this often at most: a second, less the time that it takes, so that none is older than a second. */
export const REFRESH_MS = 950;

/** Kinds of documents that pages of a project show. */
const FOLLOWED = ["views", "colours", "reports"];

export function loaderFor(project: string): SeriesLoader {
  return new SeriesLoader(
    async (panels) => {
      const frames = await fetchSeries(project, panels);
      link.heard();
      return frames;
    },
    (error) => {
      if (!(error instanceof UnreachableError)) return false;
      link.lost();
      return true;
    },
  );
}

export class ProjectStore {
  runs = $state.raw<Run[]>([]);
  metrics = $state.raw<Metric[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);
  /** Counts up with every change of the runs. */
  version = $state(0);
  /** By kind of document, counts up with every change of some. */
  documents = $state.raw<Record<string, number>>({});

  readonly live: number = $derived(this.runs.filter((run) => run.state === "running").length);
  readonly series: SeriesLoader;

  #version: number | null = null;
  /** The newest version that was told of. */
  #told: number | null = null;
  #fetching = false;
  #again = false;
  #streams = 0;

  constructor(readonly name: string) {
    this.series = loaderFor(name);
  }

  /** Fetch, and follow the changes, until the function that comes back is called. */
  start(): () => void {
    const soon = atMostEvery(REFRESH_MS, () => void this.#refresh());
    const unfollow = follow(this.name, ({ version, runs, documents }) => {
      // A stream that has just opened again tells of nothing that was before.
      const all = this.#streams > 0 && runs.length + documents.length === 0;
      if (runs.length + documents.length === 0) this.#streams += 1;
      for (const kind of all ? FOLLOWED : documents) this.documents = { ...this.documents, [kind]: (this.documents[kind] ?? 0) + 1 };
      // A smaller version is another server: what changed since ours is nothing it knows.
      if (this.#version !== null && version < this.#version) this.#version = this.#told = null;
      this.#told = version;
      // What is being fetched for the first time is likely as new as what is told; if not, it is fetched again then.
      if (version !== this.#version && !(this.#fetching && this.#version === null)) soon.call();
    });
    const forget = link.onRecovery(() => {
      this.#version = null;
      this.#told = null;
      this.series.retry();
      void this.#refresh();
    });
    void this.#refresh();
    return () => {
      soon.stop();
      unfollow();
      forget();
    };
  }

  /** Fetch at once: this page has changed something. */
  refresh(): Promise<void> {
    return this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    try {
      do {
        this.#again = false;
        this.#take(await fetchRuns(this.name, this.#version), this.#version === null);
        if (this.#told !== null && this.#told > (this.#version ?? 0)) this.#again = true;
      } while (this.#again);
      this.problem = null;
      this.loaded = true;
      link.heard();
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else if (this.loaded && error instanceof ServerError && error.status === 404) {
        // Its last run has gone.
        this.#version = null;
        this.runs = [];
        this.metrics = [];
      } else this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#fetching = false;
    }
  }

  #take(answer: RunsAnswer, whole: boolean): void {
    const known = new Map(this.runs.map((run) => [run.id, run]));
    const next = whole ? new Map<string, Run>() : new Map(known);
    for (const run of answer.runs) next.set(run.id, run);
    for (const id of answer.removed) next.delete(id);

    this.#version = this.version = answer.version;
    this.metrics = answer.metrics;
    this.runs = [...next.values()];
    // A heartbeat changes a run, too, and brings no points.
    this.series.changed(answer.runs.filter((run) => grew(known.get(run.id), run)).map((run) => run.id));
  }
}

export function grew(before: Run | undefined, after: Run): boolean {
  return before === undefined || before.row_count !== after.row_count || before.last_step !== after.last_step;
}
