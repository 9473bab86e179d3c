/**
 * Brings the points to the charts: one request for all charts that want something now.
 *
 * What a chart asked for is kept, so that scrolling back, zooming out and the same range
 * asked twice cost nothing. A change of a run makes what was kept stale: it is still
 * delivered at once, and then asked for again.
 */

import type { PanelFrame } from "./frame";
import type { PanelRequest } from "./types";

export interface Subscription {
  /** Say what to show from now on; null for nothing. */
  ask(request: PanelRequest | null): void;
  close(): void;
}

interface Receiver {
  frame(frame: PanelFrame): void;
  problem(message: string): void;
}

interface Wish {
  receiver: Receiver;
  request: PanelRequest;
  name: string;
}

type Fetch = (panels: PanelRequest[]) => Promise<PanelFrame[]>;

/** Charts that mount within this time share a request. */
const GATHER_MS = 8;
/** Runs that log at once are told of one after the other: their changes are waited for a little. */
const CHANGES_MS = 40;
const REFRESH_EVERY_MS = 600;
const PANELS_PER_REQUEST = 100;
const REQUESTS_AT_ONCE = 2;
const KEPT = 300;

export class SeriesLoader {
  #wishes = new Map<symbol, Wish>();
  #due = new Set<symbol>();
  #onTheWay = new Set<string>();
  /** What they show has changed; asked for with the next refresh. */
  #stale = new Set<symbol>();
  #kept = new Map<string, { frame: PanelFrame; fresh: boolean; runs: string[] }>();
  /** Refused together with others: asked for by themselves, as one of them may be at fault. */
  #alone = new Set<string>();
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** For changes, which come run by run. */
  #refresh: ReturnType<typeof setTimeout> | null = null;
  #refreshed = -Infinity;

  /** `unreachable` is asked what to make of a failure: true keeps the wishes for `retry`. */
  constructor(
    private readonly fetch: Fetch,
    private readonly unreachable: (error: unknown) => boolean,
  ) {}

  open(receiver: Receiver): Subscription {
    const id = Symbol();
    return {
      ask: (request) => {
        if (request === null) this.#forget(id);
        else this.#want(id, receiver, request);
      },
      close: () => this.#forget(id),
    };
  }

  /** These runs have new points. */
  changed(runs: Iterable<string>): void {
    const changed = new Set(runs);
    for (const kept of this.#kept.values()) {
      if (kept.fresh && kept.runs.some((run) => changed.has(run))) kept.fresh = false;
    }
    for (const [id, { request }] of this.#wishes) {
      if (request.runs.some((run) => changed.has(run))) this.#stale.add(id);
    }
    if (this.#stale.size === 0) return;
    const rest = this.#refreshed + REFRESH_EVERY_MS - performance.now();
    this.#refresh ??= setTimeout(() => {
      this.#refresh = null;
      this.#refreshed = performance.now();
      for (const id of this.#stale) if (this.#wishes.has(id)) this.#due.add(id);
      this.#stale.clear();
      this.#send();
    }, Math.max(CHANGES_MS, rest));
  }

  /** The server is back: ask for everything again. */
  retry(): void {
    for (const kept of this.#kept.values()) kept.fresh = false;
    for (const id of this.#wishes.keys()) this.#due.add(id);
    this.#send();
  }

  #forget(id: symbol): void {
    this.#wishes.delete(id);
    this.#due.delete(id);
    this.#stale.delete(id);
  }

  #want(id: symbol, receiver: Receiver, request: PanelRequest): void {
    const name = JSON.stringify(request);
    if (this.#wishes.get(id)?.name === name) return;
    this.#wishes.set(id, { receiver, request, name });
    const kept = this.#kept.get(name);
    if (kept) receiver.frame(kept.frame);
    if (kept?.fresh) {
      this.#due.delete(id);
      return;
    }
    this.#due.add(id);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, GATHER_MS);
  }

  #send(): void {
    while (this.#requests < REQUESTS_AT_ONCE) {
      // A wish that is on its way waits for the answer, or two answers could swap places.
      const batch = new Map<string, PanelRequest>();
      for (const id of this.#due) {
        const { name, request } = this.#wishes.get(id)!;
        if (this.#onTheWay.has(name) || batch.size === PANELS_PER_REQUEST) continue;
        if (this.#alone.has(name) && batch.size && !batch.has(name)) continue;
        batch.set(name, request);
        this.#due.delete(id);
        if (this.#alone.has(name)) break;
      }
      if (batch.size === 0) return;
      void this.#fetchBatch(batch);
    }
  }

  async #fetchBatch(batch: Map<string, PanelRequest>): Promise<void> {
    const names = [...batch.keys()];
    this.#requests += 1;
    for (const name of names) this.#onTheWay.add(name);
    let failed = false;
    try {
      const frames = await this.fetch([...batch.values()]);
      [...batch].forEach(([name, { runs }], i) => this.#deliver(name, runs, frames[i]!));
    } catch (error) {
      failed = this.unreachable(error);
      const several = batch.size > 1;
      if (several && !failed) for (const name of names) this.#alone.add(name);
      for (const [id, wish] of this.#wishes) {
        if (!batch.has(wish.name)) continue;
        if (failed || several) this.#due.add(id);
        else wish.receiver.problem(error instanceof Error ? error.message : String(error));
      }
    } finally {
      this.#requests -= 1;
      for (const name of names) this.#onTheWay.delete(name);
    }
    if (!failed) this.#send();
  }

  #deliver(name: string, runs: string[], frame: PanelFrame): void {
    this.#kept.delete(name);
    this.#kept.set(name, { frame, fresh: true, runs });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    for (const [id, wish] of this.#wishes) {
      if (wish.name !== name) continue;
      // Changed again while on its way: what just came is shown, and not called fresh.
      if (this.#due.has(id)) this.#kept.get(name)!.fresh = false;
      wish.receiver.frame(frame);
    }
  }
}
