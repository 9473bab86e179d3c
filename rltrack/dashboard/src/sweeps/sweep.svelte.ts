/** One sweep, kept up to date while its page shows it. */

import { askSweep, fetchSweep, ServerError, UnreachableError } from "../server/api";
import { link } from "../server/link.svelte";
import type { SweepAnswer, SweepRequest, SweepTrial } from "../server/types";

/** A sweep's folder tells nobody that it has changed, so it is looked at: often while trials run. */
const LIVE_MS = 1200;
const QUIET_MS = 6000;

export class SweepStore {
  answer = $state.raw<SweepAnswer | null>(null);
  trials = $state.raw<SweepTrial[]>([]);
  problem = $state<string | null>(null);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    readonly project: string,
    readonly id: string,
  ) {}

  /** Fetch again and again until the function that comes back is called; not while the tab is hidden. */
  start(): () => void {
    const seen = () => document.visibilityState === "visible" && void this.#look();
    document.addEventListener("visibilitychange", seen);
    const forget = link.onRecovery(() => void this.#look());
    void this.#look();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#timer);
      document.removeEventListener("visibilitychange", seen);
      forget();
    };
  }

  /** Ask something of the sweep, or of one trial. Raises what the server says against it. */
  async ask(what: SweepRequest, trial?: number): Promise<void> {
    this.#take(await askSweep(this.project, this.id, what, trial));
    this.#again(LIVE_MS);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      this.#take(await fetchSweep(this.project, this.id, this.answer?.version ?? -1));
      this.problem = null;
      link.heard();
    } catch (error) {
      if (error instanceof UnreachableError) return link.lost();
      this.problem = error instanceof ServerError ? [error.message, error.hint].filter(Boolean).join("; ") : String(error);
    }
    const { answer } = this;
    const live = answer && (answer.live_agents > 0 || answer.counts.running);
    this.#again(live ? LIVE_MS : QUIET_MS);
  }

  #again(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped || document.visibilityState !== "visible") return;
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  #take(answer: SweepAnswer): void {
    const same = this.answer !== null && !answer.whole && answer.trials.length === 0;
    if (!same) {
      const byNumber = new Map(answer.whole ? [] : this.trials.map((trial) => [trial.number, trial]));
      for (const trial of answer.trials) byNumber.set(trial.number, trial);
      this.trials = [...byNumber.values()].sort((a, b) => a.number - b.number);
    }
    this.answer = answer;
  }
}
