/** What all tooltips share: how they are sorted, and which one is pinned; only one is at a time. */

import { busy } from "../state/busy.svelte";
import type { TipOrder } from "./reading";

class Tips {
  order = $state<TipOrder>("near");
  #pinned: { by: symbol; close: () => void; leave: () => void } | null = null;

  pin(by: symbol, close: () => void): void {
    if (this.#pinned && this.#pinned.by !== by) this.unpin(this.#pinned.by);
    if (!this.#pinned) this.#pinned = { by, close, leave: busy.enter() };
  }

  unpin(by: symbol): void {
    if (this.#pinned?.by !== by) return;
    const { close, leave } = this.#pinned;
    this.#pinned = null;
    leave();
    close();
  }
}

export const tips = new Tips();
