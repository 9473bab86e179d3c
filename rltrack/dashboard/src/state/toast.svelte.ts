/** The last thing that was done, for a moment at the foot of the page, with the way back. */

const SHOWN_MS = 12_000;

export interface Told {
  text: string;
  undo: (() => Promise<void>) | null;
  bad: boolean;
  /** What the button says that calls `undo`; only as "Undo" is that the way back. */
  button: "Undo" | "Redo" | "Show" | "Stop";
  /** When it was done, in epoch milliseconds. */
  at: number;
}

class Toast {
  told = $state.raw<Told | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  tell(text: string, undo: Told["undo"] = null, bad = false, button: Told["button"] = "Undo"): void {
    this.told = { text, undo, bad, button, at: Date.now() };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.clear(), SHOWN_MS);
  }

  clear(): void {
    this.told = null;
  }

  /** Take back what was done last. */
  async undo(): Promise<void> {
    const undo = this.told?.undo;
    this.clear();
    await undo?.();
  }
}

export const toast = new Toast();
