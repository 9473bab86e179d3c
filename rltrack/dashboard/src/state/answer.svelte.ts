/** What the server answered to a question that may change: the newest question wins. */

import { UnreachableError } from "../server/api";
import { link } from "../server/link.svelte";

export class Answer<T> {
  /** Null until there is one. The one before stays while the next is on its way. */
  value = $state.raw<T | null>(null);
  problem = $state<string | null>(null);
  waiting = $state(false);
  #asked = 0;

  /** Ask; the function that comes back forgets it. Asked again when the server comes back. */
  ask(question: () => Promise<T>): () => void {
    const mine = ++this.#asked;
    let unlisten = () => {};
    const go = async () => {
      this.waiting = true;
      try {
        const value = await question();
        if (mine !== this.#asked) return;
        this.value = value;
        this.problem = null;
        link.heard();
      } catch (error) {
        if (mine !== this.#asked) return;
        if (error instanceof UnreachableError) {
          link.lost();
          unlisten();
          unlisten = link.onRecovery(() => void go());
        } else this.problem = error instanceof Error ? error.message : String(error);
      } finally {
        if (mine === this.#asked) this.waiting = false;
      }
    };
    void go();
    return () => {
      unlisten();
      if (mine === this.#asked) this.#asked++;
    };
  }
}
