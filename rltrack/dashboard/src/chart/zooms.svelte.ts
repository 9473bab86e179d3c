/** The zooms that were left, to go back to, and those that one came back from. */

import type { Zoom } from "../state/url";

const MOST = 50;

class Zooms {
  #before = $state.raw<(Zoom | null)[]>([]);
  #after = $state.raw<(Zoom | null)[]>([]);

  get canBack(): boolean {
    return this.#before.length > 0;
  }

  get canForward(): boolean {
    return this.#after.length > 0;
  }

  /** Another zoom follows this one. */
  leave(zoom: Zoom | null): void {
    this.#before = [...this.#before, zoom].slice(-MOST);
    this.#after = [];
  }

  back(now: Zoom | null, go: (zoom: Zoom | null) => void): void {
    const zoom = this.#before.at(-1);
    if (zoom === undefined) return;
    this.#before = this.#before.slice(0, -1);
    this.#after = [...this.#after, now];
    go(zoom);
  }

  forward(now: Zoom | null, go: (zoom: Zoom | null) => void): void {
    const zoom = this.#after.at(-1);
    if (zoom === undefined) return;
    this.#after = this.#after.slice(0, -1);
    this.#before = [...this.#before, now];
    go(zoom);
  }
}

export const zooms = new Zooms();
