/**
 * What a pointer does to a chart beside the box that uPlot draws.
 *
 * Shift or Alt and a drag move what is shown; Alt and the wheel zoom at the pointer; a plain wheel
 * scrolls the page, and after a moment says what would zoom; a press without a drag pins the tooltip.
 */

import type { Range } from "./ranges";

interface Gestures {
  /** What is shown. */
  range(): Range;
  /** Show this for now. */
  move(range: Range): void;
  /** What was moved to stays. */
  settle(): void;
  click(): void;
  hint(text: string): void;
}

const SETTLE_MS = 160;
const HINT_AFTER_MS = 250;
const HINT_FOR_MS = 1600;
const CLICK_PX = 4;
/** So often a page says it; who has read it twice knows. */
let hintsLeft = 2;

export function panned([low, high]: Range, share: number): Range {
  const by = (high - low) * share;
  return [low - by, high - by];
}

/** Closer by a factor, around a place from 0 (the left) to 1. */
export function zoomedAt([low, high]: Range, factor: number, place: number): Range {
  const at = low + (high - low) * place;
  return [at - (at - low) * factor, at + (high - at) * factor];
}

export function watchGestures(over: HTMLElement, { range, move, settle, click, hint }: Gestures): () => void {
  const stop = new AbortController();
  const listen = <K extends keyof HTMLElementEventMap>(
    name: K,
    act: (event: HTMLElementEventMap[K]) => void,
    passive = true,
  ) => over.addEventListener(name, act, { signal: stop.signal, passive });
  let pressed: { x: number; y: number; range: Range | null } | null = null;
  let settling: ReturnType<typeof setTimeout> | undefined;
  let hinting: ReturnType<typeof setTimeout> | undefined;

  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    const moves = event.shiftKey || event.altKey;
    pressed = { x: event.clientX, y: event.clientY, range: moves ? range() : null };
    if (moves) over.setPointerCapture(event.pointerId);
  });
  listen("pointermove", (event) => {
    if (pressed?.range) move(panned(pressed.range, (event.clientX - pressed.x) / over.clientWidth));
  });
  listen("pointerup", (event) => {
    const before = pressed;
    pressed = null;
    if (!before) return;
    const far = Math.hypot(event.clientX - before.x, event.clientY - before.y) > CLICK_PX;
    if (before.range && far) settle();
    else if (!far) click();
  });
  listen(
    "wheel",
    (event) => {
      if (!event.altKey) {
        if (hintsLeft > 0) hinting ??= setTimeout(showHint, HINT_AFTER_MS);
        return;
      }
      event.preventDefault();
      const box = over.getBoundingClientRect();
      // Some systems turn the wheel sideways while a key is held.
      const turned = event.deltaY || event.deltaX;
      move(zoomedAt(range(), Math.exp(Math.max(-120, Math.min(120, turned)) * 0.002), (event.clientX - box.left) / box.width));
      clearTimeout(settling);
      settling = setTimeout(settle, SETTLE_MS);
    },
    false,
  );

  function showHint(): void {
    hintsLeft -= 1;
    hint("Alt + wheel zooms, Shift + drag moves");
    hinting = setTimeout(() => {
      hint("");
      hinting = undefined;
    }, HINT_FOR_MS);
  }

  return () => {
    stop.abort();
    clearTimeout(settling);
    clearTimeout(hinting);
  };
}
