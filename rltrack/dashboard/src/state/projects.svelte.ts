/** The list of projects, kept up to date while its page is open. */

import { fetchProjects, UnreachableError } from "../server/api";
import { follow } from "../server/follow";
import { link } from "../server/link.svelte";
import { atMostEvery } from "../server/throttle";
import type { Project } from "../server/types";
import { REFRESH_MS } from "./project.svelte";

export class ProjectsStore {
  projects = $state.raw<Project[] | null>(null);
  problem = $state<string | null>(null);

  readonly live: number = $derived(
    (this.projects ?? []).reduce((sum, project) => sum + (project.states.running ?? 0), 0),
  );

  /** Fetch, and follow the changes, until the function that comes back is called. */
  start(): () => void {
    const soon = atMostEvery(REFRESH_MS, () => void this.#refresh());
    const unfollow = follow(null, soon.call);
    const forget = link.onRecovery(soon.call);
    soon.call();
    return () => {
      soon.stop();
      unfollow();
      forget();
    };
  }

  async #refresh(): Promise<void> {
    try {
      const projects = await fetchProjects();
      this.projects = projects.sort((a, b) => (b.last_activity ?? 0) - (a.last_activity ?? 0));
      this.problem = null;
      link.heard();
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}
