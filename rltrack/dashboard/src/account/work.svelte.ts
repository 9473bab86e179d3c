/** One thing at a time that a form does, and what went wrong with it. */

import { ServerError } from "../server/api";

export class Work {
  going = $state(false);
  fault = $state<string | null>(null);

  /** Do it; whether it went well. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.going) return false;
    this.going = true;
    this.fault = null;
    try {
      await work();
      return true;
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      const hint = error instanceof ServerError && error.hint ? `; ${error.hint}` : "";
      this.fault = `${told}${hint}`;
      return false;
    } finally {
      this.going = false;
    }
  }
}
