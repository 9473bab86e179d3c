/**
 * The worker that has series brought, away from the page's main thread.
 *
 * An answer for live charts is megabytes once a second; the main thread would only copy it.
 */

export interface Errand {
  id: number;
  path: string;
  /** JSON, sent by POST. */
  body: string;
}

export interface Brought {
  id: number;
  /** Of HTTP; 0: nobody answered. */
  status: number;
  body: ArrayBuffer;
}

self.onmessage = async ({ data: { id, path, body } }: MessageEvent<Errand>) => {
  let brought: Brought;
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body });
    brought = { id, status: answer.status, body: await answer.arrayBuffer() };
  } catch {
    brought = { id, status: 0, body: new ArrayBuffer(0) };
  }
  self.postMessage(brought, { transfer: [brought.body] });
};
