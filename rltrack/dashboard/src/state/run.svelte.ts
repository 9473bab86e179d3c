/** One run with all its details, kept up to date while its page is open. */

import { fetchRun, UnreachableError } from "../server/api";
import { follow } from "../server/follow";
import { link } from "../server/link.svelte";
import type { SeriesLoader } from "../server/loader";
import { atMostEvery } from "../server/throttle";
import type { RunDetail } from "../server/types";
import { grew, loaderFor, REFRESH_MS } from "./project.svelte";

export class RunStore {
  run = $state.raw<RunDetail | null>(null);
  problem = $state<string | null>(null);

  readonly series: SeriesLoader;
  /** Of the samples of its machine, which come without a row being logged. */
  readonly system: SeriesLoader;

  constructor(
    readonly project: string,
    readonly id: string,
  ) {
    this.series = loaderFor(project);
    this.system = loaderFor(project);
  }

  /** Fetch, and follow the changes, until the function that comes back is called. */
  start(): () => void {
    const soon = atMostEvery(REFRESH_MS, () => void this.#refresh());
    const unfollow = follow(this.project, ({ runs }) => {
      // No runs: the stream has just opened, and anything may have happened before.
      if (runs.length === 0 || runs.includes(this.id)) soon.call();
    });
    const forget = link.onRecovery(() => {
      this.series.retry();
      this.system.retry();
      soon.call();
    });
    soon.call();
    return () => {
      soon.stop();
      unfollow();
      forget();
    };
  }

  async #refresh(): Promise<void> {
    try {
      const run = await fetchRun(this.project, this.id);
      const before = this.run;
      this.run = run;
      this.problem = null;
      link.heard();
      if (before && grew(before, run)) this.series.changed([this.id]);
      if (before && run.state === "running") this.system.changed([this.id]);
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}
