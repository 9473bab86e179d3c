/** What the table must ask the server: runs that fit a condition, and what metrics amount to. */

import { fetchColumns, ServerError } from "../server/api";
import type { Json } from "../server/types";
import type { Asked } from "./fields";

export class AskedStore {
  /** Runs that fit the condition; null while there is none. */
  fitting = $state.raw<ReadonlySet<string> | null>(null);
  values = $state.raw<Asked>(new Map());
  /** What is wrong with the condition. */
  problem = $state<string | null>(null);

  #latest = 0;

  constructor(private readonly project: string) {}

  /** Ask anew; an answer that was overtaken is dropped. */
  async ask(condition: string | null, fields: string[]): Promise<void> {
    const mine = ++this.#latest;
    if (condition === null) {
      this.fitting = null;
      this.problem = null;
    }
    if (condition === null && fields.length === 0) return;
    try {
      // Columns are of all runs, so that a condition that is being typed does not empty them.
      const [fit, all] = await Promise.all([
        condition === null ? null : fetchColumns(this.project, condition, []),
        fields.length ? fetchColumns(this.project, null, fields) : null,
      ]);
      if (mine !== this.#latest) return;
      this.fitting = fit && new Set(fit.ids);
      this.problem = null;
      if (all) this.values = byRun(all.ids, all.values);
    } catch (error) {
      // The server being away is told elsewhere, and asked again when it is back.
      if (mine === this.#latest && error instanceof ServerError) this.problem = error.message;
    }
  }
}

function byRun(ids: string[], values: Record<string, Json[]>): Asked {
  const columns = Object.entries(values);
  return new Map(columns.map(([field, column]) => [field, new Map(ids.map((id, i) => [id, column[i]!]))]));
}
