/**
 * Scrolling through more rows than an element can be high.
 *
 * Browsers make no element higher than some 33 million pixels, which is 1.2 million rows. Above that
 * the scroll bar stands for a share of the table, and the wheel moves by rows all the same.
 */

const MOST_PIXELS = 15_000_000;

export interface Scroller {
  /** Of what is scrolled, in pixels. */
  height: number;
  /** The first row on screen; not whole while it is cut. */
  rowAt(scrolled: number): number;
  /** How far to scroll so that a row is the first. */
  placeOf(row: number): number;
}

export function scrollerOf(count: number, rowHeight: number, view: number): Scroller {
  const whole = count * rowHeight;
  const height = Math.min(whole, MOST_PIXELS);
  if (whole === height) {
    return { height, rowAt: (scrolled) => scrolled / rowHeight, placeOf: (row) => row * rowHeight };
  }
  // The last pixel of the bar is the last row, whatever the shares between are.
  const ratio = (whole - view) / (height - view);
  return {
    height,
    rowAt: (scrolled) => (scrolled * ratio) / rowHeight,
    placeOf: (row) => (row * rowHeight) / ratio,
  };
}

export const PAGE_ROWS = 200;

/** The pages that hold some rows. */
export function pagesOf(first: number, end: number): number[] {
  const from = Math.floor(first / PAGE_ROWS);
  const to = Math.floor(Math.max(first, end - 1) / PAGE_ROWS);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
