/** What some runs of a project have logged besides numbers, asked for again when they change. */

import { fetchMedia, UnreachableError } from "../server/api";
import { link } from "../server/link.svelte";
import type { RunMedia } from "../server/types";

/** A running training logs media seldom, and an answer may be long. */
const AGAIN_MS = 2000;

export class MediaStore {
  runs = $state.raw<RunMedia[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);

  #asked = "";
  #fetching = false;
  #due = false;
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(readonly project: string) {}

  /** Fetch what these runs have, at once where others are asked for than before, else before long. */
  ask(runs: string[]): void {
    const asked = runs.join("\n");
    const wait = asked === this.#asked ? Math.max(0, this.#last + AGAIN_MS - Date.now()) : 0;
    this.#asked = asked;
    if (this.#timer !== null) {
      if (wait > 0) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#fetch();
    }, wait);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#due = false;
  }

  async #fetch(): Promise<void> {
    if (this.#fetching) {
      this.#due = true;
      return;
    }
    this.#fetching = true;
    this.#last = Date.now();
    const asked = this.#asked;
    try {
      const runs = asked === "" ? [] : await fetchMedia(this.project, asked.split("\n"));
      if (asked === this.#asked) {
        this.runs = runs;
        this.loaded = true;
        this.problem = null;
      }
      link.heard();
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#fetching = false;
      if (this.#due || asked !== this.#asked) {
        this.#due = false;
        void this.#fetch();
      }
    }
  }
}
