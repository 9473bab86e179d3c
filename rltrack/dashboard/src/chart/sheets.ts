/**
 * The two sheets of a chart on which its lines are seen: all lines, and above them those of the lit run.
 *
 * A worker draws them (`brush.ts`). Until it has drawn what is wanted now, the last picture is moved and
 * stretched to where its points belong. Only what changed is drawn: another lit run leaves the lower
 * sheet as it is, dimmed by its style.
 */

import type { Drawing, Lines, Order } from "./brush";
import BrushWorker from "./brush?worker";
import { shiftOf } from "./moved";
import { isLit, type Drawn, type Line, type Look, type Plot } from "./painter";

const DIMMED = "0.18";
/** So often lines are drawn anew while they are dragged; in between, the last picture moves. */
const MOVING_MS = 120;

let worker: Worker | null = null;
const open = new Map<number, Sheets>();
let made = 0;

function brush(): Worker {
  if (worker) return worker;
  worker = new BrushWorker();
  worker.onmessage = ({ data }: MessageEvent<Drawing[]>) => {
    for (const drawing of data) {
      const sheets = open.get(drawing.chart);
      if (sheets) sheets.receive(drawing);
      else for (const sheet of [drawing.all, drawing.lit]) sheet?.close();
    }
  };
  return worker;
}

/** Orders of all charts that change at once go in one message. */
let outbox: Order[] = [];

function send(order: Order): void {
  if (outbox.push(order) > 1) return;
  queueMicrotask(() => {
    brush().postMessage(outbox);
    outbox = [];
  });
}

/** Columns have numbers, by which the worker knows those that it has. */
const numbers = new WeakMap<object, number>();
let numbered = 0;
function numberOf(column: object): number {
  let number = numbers.get(column);
  if (number === undefined) numbers.set(column, (number = ++numbered));
  return number;
}

interface Wanted {
  plot: Plot;
  look: Look;
  lines: Line[];
  lit: string | null;
  width: number;
  height: number;
}

export class Sheets {
  readonly #chart = ++made;
  readonly #clip = document.createElement("div");
  readonly #all = sheet();
  readonly #lit = sheet();
  #wanted: Wanted | null = null;
  /** What the worker has drawn, or is drawing. */
  #ordered: Wanted | null = null;
  #shown: Plot | null = null;
  #waiting = false;
  #sent = new Set<number>();
  #later: ReturnType<typeof setTimeout> | undefined;

  /** They stand before an element, which has what is pointed at. */
  constructor(
    over: HTMLElement,
    private readonly drawn: () => void,
  ) {
    this.#clip.className = "sheets";
    this.#clip.append(this.#all, this.#lit);
    over.before(this.#clip);
    open.set(this.#chart, this);
  }

  close(): void {
    clearTimeout(this.#later);
    open.delete(this.#chart);
    worker?.postMessage({ gone: this.#chart });
    this.#clip.remove();
  }

  /** Show this as soon as it is drawn; while it is `moving`, as often as it pays. */
  show(wanted: Wanted, moving = false): void {
    const lit = wanted.lit !== null && wanted.lines.some((line) => isLit(line, wanted.lit!)) ? wanted.lit : null;
    // A run is pointed at that this chart does not have: its lines step back, and none comes forward.
    this.#all.style.opacity = wanted.lit === null ? "" : DIMMED;
    this.#wanted = { ...wanted, lit };
    if (lit === null || lit !== this.#ordered?.lit) this.#lit.style.visibility = "hidden";
    this.#place();
    if (moving) {
      this.#later ??= setTimeout(() => this.#order(), MOVING_MS);
    } else this.#order();
  }

  receive({ all, lit }: Drawing): void {
    this.#waiting = false;
    const ordered = this.#ordered!;
    if (all) {
      put(this.#all, all);
      this.#shown = ordered.plot;
      this.drawn();
    }
    if (lit) put(this.#lit, lit);
    this.#lit.style.visibility = ordered.lit !== null && ordered.lit === this.#wanted?.lit ? "" : "hidden";
    this.#place();
    if (this.#later === undefined) this.#order();
  }

  #order(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#waiting || !this.#wanted) return;
    const [before, now] = [this.#ordered, this.#wanted];
    const sameLines = before?.lines === now.lines;
    const same = sameLines && sameView(before!, now);
    // A few lines are drawn thinner while one is lit; of many, which are a pixel wide, all stay.
    const all = !same || ((before.lit === null) !== (now.lit === null) && thins(now));
    const lit = now.lit !== null && (!same || before.lit !== now.lit);
    this.#ordered = now;
    if (!all && !lit) return;
    const { plot, look, width, height } = now;
    const order: Order = {
      chart: this.#chart, width, height, plot, look, all, thin: now.lit !== null,
      lines: sameLines ? null : this.#wire(now.lines),
      lit: lit ? now.lit : null,
    };
    this.#waiting = true;
    send(order);
  }

  /** Lines with numbers for columns, and the columns that were not sent before. */
  #wire(lines: Line[]): Lines {
    const sent = new Set<number>();
    const wired: Lines = { lines: [], curves: [], smoothed: [] };
    for (const { curve, smoothed, ...line } of lines) {
      const ofCurve = numberOf(curve);
      const ofSmoothed = smoothed && numberOf(smoothed);
      if (!this.#sent.has(ofCurve) && !sent.has(ofCurve)) wired.curves.push([ofCurve, columnsOf(curve)]);
      if (smoothed && !this.#sent.has(ofSmoothed!) && !sent.has(ofSmoothed!)) wired.smoothed.push([ofSmoothed!, smoothed]);
      sent.add(ofCurve);
      if (ofSmoothed) sent.add(ofSmoothed);
      wired.lines.push({ ...line, curve: ofCurve, smoothed: ofSmoothed });
    }
    this.#sent = sent;
    return wired;
  }

  /** What is shown, where it belongs now. */
  #place(): void {
    if (!this.#wanted) return;
    const { plot, width, height } = this.#wanted;
    const { style } = this.#clip;
    const [left, right] = [plot.left / plot.ratio, width / plot.ratio];
    // Triangles of infinities and rings reach a little over the plot's edges.
    set(style, "clipPath", `inset(0 0 0 ${left - 5}px)`);
    set(style, "width", `${right}px`);
    set(style, "height", `${height / plot.ratio}px`);
    if (!this.#shown) return;
    const moved = shiftOf(this.#shown, plot);
    for (const one of [this.#all, this.#lit]) set(one.style, "transform", moved);
  }
}

/** A style is set only where it changes: each setting costs the browser a look at it. */
function set(style: CSSStyleDeclaration, name: "clipPath" | "width" | "height" | "transform", value: string): void {
  if (style[name] !== value) style[name] = value;
}

function sheet(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

function put(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  set(canvas.style, "width", `${picture.width / devicePixelRatio}px`);
  set(canvas.style, "height", `${picture.height / devicePixelRatio}px`);
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(picture);
}

function columnsOf({ x, y, lo, hi, nan, nanY, posInf, negInf }: Drawn): Drawn {
  return { x, y, lo, hi, nan, nanY, posInf, negInf };
}

const FEW_POINTS = 3000;

function thins({ lines }: Wanted): boolean {
  return lines.reduce((sum, { curve }) => sum + curve.x.length, 0) <= FEW_POINTS;
}

function sameView(a: Wanted, b: Wanted): boolean {
  return (
    a.width === b.width && a.height === b.height && a.look.paper === b.look.paper && a.look.font === b.look.font &&
    JSON.stringify(a.plot) === JSON.stringify(b.plot)
  );
}
