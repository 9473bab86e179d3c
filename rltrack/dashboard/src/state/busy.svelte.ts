/** Whether a menu, dialog or pinned tooltip is open: what moves under it waits until it is closed. */

import { untrack } from "svelte";

class Busy {
  #count = $state(0);

  get now(): boolean {
    return this.#count > 0;
  }

  /** Something is open, until the function that comes back is called. */
  enter(): () => void {
    // Called in effects, which must not follow what they change.
    const add = (by: number) => untrack(() => (this.#count += by));
    add(1);
    let inside = true;
    return () => {
      if (inside) add(-1);
      inside = false;
    };
  }
}

export const busy = new Busy();
