/**
 * The points of one chart, as they arrive.
 *
 * The first answer is of few buckets, so that something is seen at once; one of a bucket for each
 * pixel follows, unless the first was exact already. Of points that are all there no zoom asks again.
 * While a menu or a pinned tooltip is open, what comes in live waits until it is closed.
 */

import type { PanelFrame } from "../server/frame";
import type { SeriesLoader, Subscription } from "../server/loader";
import type { PanelRequest } from "../server/types";
import { busy } from "../state/busy.svelte";
import type { Answer } from "./lines";

const FIRST_BUCKETS = 200;

interface Slot {
  subscription: Subscription;
  wanted: PanelRequest;
  /** The question but for how fine and which part of the axis. */
  what: string;
  /** What was asked for, of which the answer comes next. */
  asked: PanelRequest;
  frame: PanelFrame | null;
  /** Of which question the frame is the answer, and of which request. */
  answers: string;
  shown: PanelRequest | null;
  late: PanelFrame | null;
}

export class ChartPoints {
  answers = $state.raw<Answer[]>([]);
  problem = $state<string | null>(null);
  #slots = new Map<string, Slot>();

  constructor(private readonly series: SeriesLoader) {}

  /** Show these from now on, by name; of the same name, the old ones stay until the new are there. */
  ask(wanted: Map<string, PanelRequest>): void {
    for (const [name, slot] of this.#slots) {
      if (wanted.has(name)) continue;
      slot.subscription.close();
      this.#slots.delete(name);
    }
    for (const [name, request] of wanted) this.#want(name, request);
    this.#tell();
  }

  /** What waited is shown. */
  release(): void {
    let any = false;
    for (const slot of this.#slots.values()) {
      if (!slot.late) continue;
      slot.frame = slot.late;
      slot.late = null;
      any = true;
    }
    if (any) this.#tell();
  }

  close(): void {
    for (const { subscription } of this.#slots.values()) subscription.close();
    this.#slots.clear();
  }

  #want(name: string, wanted: PanelRequest): void {
    const what = JSON.stringify({ ...wanted, buckets: 0, range: null });
    let slot = this.#slots.get(name);
    if (!slot) {
      const subscription = this.series.open({
        frame: (frame) => this.#receive(name, frame),
        problem: (message) => (this.problem = message),
      });
      slot = { subscription, wanted, what, asked: wanted, frame: null, answers: "", shown: null, late: null };
      this.#slots.set(name, slot);
    }
    const known = slot.answers === what;
    if (slot.what !== what) slot.shown = null; // an answer to it waits for no menu
    slot.wanted = wanted;
    slot.what = what;
    if (known && isWhole(slot)) return; // every point is there, whatever part of them is looked at
    this.#send(slot, known ? wanted : { ...wanted, buckets: Math.min(FIRST_BUCKETS, wanted.buckets) });
  }

  #send(slot: Slot, request: PanelRequest): void {
    // Asked anew, it is another request only if it says something else.
    if (!same(slot.asked, request) || slot.shown === null) slot.asked = request;
    slot.subscription.ask(request);
  }

  #receive(name: string, frame: PanelFrame): void {
    const slot = this.#slots.get(name);
    if (!slot) return;
    const again = slot.shown === slot.asked; // the same part, as fine: something came live
    this.problem = null;
    slot.answers = slot.what;
    if (busy.now && again && slot.frame) slot.late = frame;
    else {
      slot.frame = frame;
      slot.late = null;
      slot.shown = slot.asked;
      this.#tell();
    }
    // Not from within: the loader is still telling others of this answer.
    if (!frame.exact && slot.asked !== slot.wanted && !same(slot.asked, slot.wanted)) {
      queueMicrotask(() => this.#slots.get(name) === slot && this.#send(slot, slot.wanted));
    }
  }

  #tell(): void {
    const found = [...this.#slots].flatMap(([name, { frame }]) =>
      frame ? [{ key: name.slice(0, name.lastIndexOf("\n")), frame }] : [],
    );
    // What was there stays until something of the new is: the chart never goes blank in between.
    if (found.length || this.#slots.size === 0) this.answers = found;
  }
}

function isWhole({ frame, asked }: Slot): boolean {
  return !!frame?.exact && asked.range === null;
}

function same(a: PanelRequest, b: PanelRequest): boolean {
  return a.key === b.key && a.buckets === b.buckets && a.range?.[0] === b.range?.[0] && a.range?.[1] === b.range?.[1];
}
