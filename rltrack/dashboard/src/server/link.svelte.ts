/**
 * Whether the server answers.
 *
 * 1. A request or the stream of changes fails, and says so with `lost`.
 * 2. We ask the server something small, at once and then every 1.5 s. From the
 *    first failure of that on, `answering` is false and the page shows a banner.
 * 3. It answers: everybody who asked with `onRecovery` catches up, in place.
 */

import { fetchMeta } from "./api";

const PROBE_EVERY_MS = 1500;

class Link {
  answering = $state(true);
  /** When the server last told us anything, in epoch seconds. */
  heardAt = $state(Date.now() / 1000);

  #probing = false;
  #recover = new Set<() => void>();

  heard(): void {
    this.heardAt = Date.now() / 1000;
  }

  lost(): void {
    if (!this.#probing) void this.#probe();
  }

  onRecovery(act: () => void): () => void {
    this.#recover.add(act);
    return () => this.#recover.delete(act);
  }

  async #probe(): Promise<void> {
    this.#probing = true;
    while (!(await this.#answers())) {
      this.answering = false;
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    }
    this.#probing = false;
    this.answering = true;
    this.heard();
    for (const act of this.#recover) act();
  }

  async #answers(): Promise<boolean> {
    try {
      await fetchMeta(AbortSignal.timeout(4000));
      return true;
    } catch {
      return false;
    }
  }
}

export const link = new Link();
