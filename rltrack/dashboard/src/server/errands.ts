/** Sends the carrier for large answers, once it is there: the first answer does not wait for it. */

import type { Brought, Errand } from "./carrier";

let carrier: Worker | null = null;
let called = false;
let sent = 0;
const waiting = new Map<number, (brought: Brought) => void>();

/** Bring the answer to a POST; null: there is no carrier yet, have it yourself. */
export function sendFor(path: string, body: string): Promise<Brought> | null {
  if (!carrier) {
    if (!called) setTimeout(() => void call(), CALL_AFTER_MS);
    called = true;
    return null;
  }
  const errand: Errand = { id: ++sent, path, body };
  const brought = new Promise<Brought>((resolve) => waiting.set(errand.id, resolve));
  carrier.postMessage(errand);
  return brought;
}

/** What a page begins with goes first. */
const CALL_AFTER_MS = 1500;

async function call(): Promise<void> {
  const { default: CarrierWorker } = await import("./carrier?worker");
  const worker = new CarrierWorker();
  worker.onmessage = ({ data }: MessageEvent<Brought>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  };
  // It could not be loaded: the page goes on without it.
  worker.onerror = () => {
    carrier = null;
    for (const [id, resolve] of waiting) resolve({ id, status: 0, body: new ArrayBuffer(0) });
    waiting.clear();
  };
  carrier = worker;
}
