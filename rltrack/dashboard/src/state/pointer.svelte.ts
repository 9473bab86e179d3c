/** What the pointer is on, shared by the run list and all charts. */

class Pointer {
  /** The run that is lit everywhere. */
  run = $state<string | null>(null);
  /** The chart that `f` opens. */
  panel = $state<string | null>(null);
  /** The crosshair: where it stands, on which axis, and which chart moves it. */
  cross = $state.raw<{ x: string; at: number; by: symbol } | null>(null);
}

export const pointer = new Pointer();
