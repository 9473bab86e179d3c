/**
 * The worker that draws the lines of all charts, away from the page's main thread.
 *
 * A chart sends what is new and gets pictures back: see `sheets.ts`, which is the other end.
 */

import inter from "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url";
import { Painter, type Drawn, type Line, type Look, type Plot } from "./painter";

/** A line whose columns were sent before, or come with it, each by a number. */
export type WireLine = Omit<Line<Drawn>, "curve" | "smoothed"> & { curve: number; smoothed: number | null };

export interface Lines {
  lines: WireLine[];
  /** Columns that the worker has not had yet. */
  curves: [number, Drawn][];
  smoothed: [number, Float64Array][];
}

export interface Order {
  chart: number;
  /** Of the canvas, in its pixels. */
  width: number;
  height: number;
  plot: Plot;
  look: Look;
  /** Null: the same as before. */
  lines: Lines | null;
  /** Which of the sheets is wanted. */
  all: boolean;
  thin: boolean;
  /** The run that is lit. */
  lit: string | null;
}

export interface Drawing {
  chart: number;
  all: ImageBitmap | null;
  lit: ImageBitmap | null;
}

interface Known {
  painter: Painter;
  lines: Line<Drawn>[];
  curves: Map<number, Drawn>;
  smoothed: Map<number, Float64Array>;
}

/** Of a worker's global object, what is used of it here: its types and the page's exclude each other. */
const worker = self as unknown as {
  fonts: FontFaceSet;
  onmessage: (event: MessageEvent<Order[] | { gone: number }>) => void;
  postMessage: (drawings: Drawing[], transfer: Transferable[]) => void;
};
const charts = new Map<number, Known>();

const face = new FontFace("Inter Variable", `url(${inter})`, { weight: "100 900" });
worker.fonts.add(face);
/** Names at the ends of lines are drawn in it. Without, in the system's. */
const fonts = face.load().catch(() => undefined);

worker.onmessage = ({ data }) => {
  if ("gone" in data) {
    charts.delete(data.gone);
    return;
  }
  queue.push(...data);
  void fonts.then(work);
};

/** What is drawn within this time goes back together: the page then shows it in one frame. */
const TOGETHER_MS = 30;
/** New points of charts that are shown already may all wait for each other: each frame costs the page. */
const TOGETHER_LIVE_MS = 250;
const queue: Order[] = [];

function work(): void {
  const isLive = queue.every(({ chart, lines }) => lines && charts.has(chart));
  const until = performance.now() + (isLive ? TOGETHER_LIVE_MS : TOGETHER_MS);
  const drawings: Drawing[] = [];
  while (queue.length && performance.now() < until) drawings.push(draw(queue.shift()!));
  if (!drawings.length) return;
  const pictures = drawings.flatMap(({ all, lit }) => [all, lit]).filter((sheet) => sheet !== null);
  worker.postMessage(drawings, pictures);
  if (queue.length) setTimeout(work);
}

function draw({ chart, width, height, plot, look, lines, all, thin, lit }: Order): Drawing {
  let known = charts.get(chart);
  if (!known) charts.set(chart, (known = { painter: new Painter(), lines: [], curves: new Map(), smoothed: new Map() }));
  if (lines) take(known, lines);
  const { painter, lines: drawn } = known;
  return {
    chart,
    all: all ? sheet(width, height, (ctx) => painter.paintAll(ctx, plot, drawn, look, thin)) : null,
    lit: lit === null ? null : sheet(width, height, (ctx) => painter.paintLit(ctx, plot, drawn, look, lit)),
  };
}

/** The lines are these from now on; columns that none of them has are let go. */
function take(known: Known, { lines, curves, smoothed }: Lines): void {
  for (const [number, curve] of curves) known.curves.set(number, curve);
  for (const [number, column] of smoothed) known.smoothed.set(number, column);
  known.lines = lines.map((line) => ({
    ...line,
    curve: known.curves.get(line.curve)!,
    smoothed: line.smoothed === null ? null : known.smoothed.get(line.smoothed)!,
  }));
  const [ofCurves, ofSmoothed] = [new Set(lines.map((line) => line.curve)), new Set(lines.map((line) => line.smoothed))];
  for (const number of known.curves.keys()) if (!ofCurves.has(number)) known.curves.delete(number);
  for (const number of known.smoothed.keys()) if (!ofSmoothed.has(number)) known.smoothed.delete(number);
}

function sheet(width: number, height: number, paint: (ctx: OffscreenCanvasRenderingContext2D) => void): ImageBitmap {
  const canvas = new OffscreenCanvas(width, height);
  paint(canvas.getContext("2d")!);
  return canvas.transferToImageBitmap();
}
