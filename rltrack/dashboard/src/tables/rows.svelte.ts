/** The rows of one question, fetched by pages as they come on screen. */

import { queryTable, UnreachableError } from "../server/api";
import { link } from "../server/link.svelte";
import type { Json, TableAnswer, TableRequest } from "../server/types";
import { PAGE_ROWS, pagesOf } from "./scroll";

/** Pages that are kept; those that were looked at longest ago go first. */
const MOST_PAGES = 100;

export interface Row {
  cells: Json[];
  /** Of a group: how many of its columns it stands for. */
  level: number | null;
  /** Columns of which only the beginning is there. */
  cut: number[];
}

export class TableRows {
  /** Of the last answer; also while the next is on its way. */
  head = $state.raw<TableAnswer | null>(null);
  problem = $state<{ error: string; hint: string | null } | null>(null);
  loading = $state(false);
  /** Counts up when rows arrive. */
  version = $state(0);

  #asked = "";
  #pages = new Map<number, Row[]>();
  #waiting = new Set<number>();

  constructor(readonly project: string) {}

  /** Ask something else, from the first page on; what is on screen stays until the answer is there. */
  ask(request: TableRequest): void {
    const asked = JSON.stringify(request);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#waiting.clear();
    void this.#fetch(0);
  }

  /** See to it that rows are there, or will be. */
  need(first: number, end: number): void {
    for (const page of pagesOf(first, end)) {
      if (!this.#pages.has(page) && !this.#waiting.has(page) && this.#asked !== "") void this.#fetch(page);
    }
  }

  /** A row, if it is there already. */
  row(at: number): Row | undefined {
    return this.#pages.get(Math.floor(at / PAGE_ROWS))?.[at % PAGE_ROWS];
  }

  async #fetch(page: number): Promise<void> {
    const asked = this.#asked;
    this.#waiting.add(page);
    this.loading = true;
    try {
      const request = JSON.parse(asked) as TableRequest;
      const answer = await queryTable(this.project, { ...request, offset: page * PAGE_ROWS, limit: PAGE_ROWS });
      if (asked !== this.#asked) return;
      if (page === 0) this.#pages.clear();
      this.#take(page, answer);
      this.problem = null;
      link.heard();
    } catch (error) {
      if (asked !== this.#asked) return;
      if (error instanceof UnreachableError) link.lost();
      const { message, hint } = error as { message: string; hint?: string | null };
      this.problem = { error: message, hint: hint ?? null };
    } finally {
      if (asked === this.#asked) {
        this.#waiting.delete(page);
        this.loading = this.#waiting.size > 0;
      }
    }
  }

  #take(page: number, answer: TableAnswer): void {
    const cut = new Map<number, number[]>();
    for (const [row, column] of answer.cut) cut.set(row, [...(cut.get(row) ?? []), column]);
    this.#pages.delete(page);
    this.#pages.set(
      page,
      answer.rows.map((cells, i): Row => ({ cells, level: answer.levels?.[i] ?? null, cut: cut.get(i) ?? [] })),
    );
    if (this.#pages.size > MOST_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
    // A page beyond the end has no columns of its own to tell.
    if (page === 0 || this.head === null) this.head = answer;
    this.version += 1;
  }
}
