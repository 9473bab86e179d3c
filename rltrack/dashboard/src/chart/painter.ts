/**
 * Draws the lines of a chart, in the worker that `brush.ts` is. What was traced is kept until the data or
 * the view changes.
 *
 * There are two sheets, one on the other: all lines, and those of the run that is lit. The page dims the
 * first by its style alone, so that another lit run costs one line and not all.
 */

import type { Curve } from "./curves";
import { fitted, spread, type EndLabel } from "./labels";
import { DashedPath, traceBand, traceLine, type Project } from "./path";
import type { Range } from "./ranges";

/** What the painter needs of a curve. */
export type Drawn = Pick<Curve, "x" | "y" | "lo" | "hi" | "nan" | "nanY" | "posInf" | "negInf">;

export interface Line<C extends Drawn = Curve> {
  /** Of the run, or of the group, and of the metric where a chart has several. */
  id: string;
  run: string;
  name: string;
  colour: string;
  dash: number[];
  curve: C;
  smoothed: Float64Array | null;
  /** Whether to shade min to max. */
  band: boolean;
  /** The run ended before it was done: its line ends in a dot. */
  stopped: boolean;
  /** A run of a group that is drawn as a line itself: thin and faint. */
  faint?: boolean;
  /** Of a group: its runs, any of which lights it. */
  members?: ReadonlySet<string>;
  /** Whether its axis is the one at the right. */
  right?: boolean;
  /** Mark its highest or its lowest point. */
  best?: "max" | "min";
  /** Others are compared with it. */
  base?: boolean;
  /** It was left behind: a restart went on from before its end. */
  left?: boolean;
}

/** Where and how to draw; lengths in canvas pixels, `ratio` of them to a CSS pixel. */
export interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
  ratio: number;
  x: Range;
  y: Range;
  /** Of lines with the axis at the right. */
  right: Range | null;
  log: boolean;
  logX: boolean;
  /** Room for names to the right of the plot; 0 for none. */
  labelRoom: number;
}

export interface Look {
  paper: string;
  font: string;
}

interface Traced {
  line: Path2D;
  raw: Path2D | null;
  band: Path2D | null;
  alone: [number, number][];
  /** Of a line that was left: where the run was rewound to. */
  tick: Path2D | null;
  best: [number, number] | null;
  /** It has a point on every other pixel, so its dashes are in the path already. */
  dense: boolean;
  end: { x: number; y: number; inside: boolean } | null;
}

const WIDTH = 1.6;
const BASE_WIDTH = 2.6;
const LIT_FACTOR = 1.25;
const DIM_FACTOR = 0.85;
/** Of the tick at a rewind, half its height. */
const TICK = 5;
const MANY_POINTS = 3000;
export const LABEL_HEIGHT = 13;

type Ctx = OffscreenCanvasRenderingContext2D;

export class Painter {
  #traced = new Map<string, Traced>();
  #of: unknown[] = [];
  #many = false;

  /** All lines; `thin` while a run is lit above them. */
  paintAll(ctx: Ctx, plot: Plot, lines: Line<Drawn>[], look: Look, thin: boolean): void {
    this.#paint(ctx, plot, lines, lines, look, thin ? DIM_FACTOR : 1, false);
  }

  /** Those of one run, or of the group that it is in. */
  paintLit(ctx: Ctx, plot: Plot, lines: Line<Drawn>[], look: Look, lit: string): void {
    this.#paint(ctx, plot, lines, lines.filter((line) => isLit(line, lit)), look, LIT_FACTOR, true);
  }

  #paint(ctx: Ctx, plot: Plot, all: Line<Drawn>[], some: Line<Drawn>[], look: Look, factor: number, lit: boolean): void {
    this.#retrace(plot, all);
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.left, plot.top - plot.ratio, plot.width + 2 * plot.ratio, plot.height + 2 * plot.ratio);
    ctx.clip();
    for (const line of some) this.#paintBand(ctx, line);
    for (const line of some) this.#paintLine(ctx, plot, line, factor, lit);
    ctx.restore();
    for (const line of some) {
      paintMarks(ctx, plot, line);
      this.#paintDot(ctx, plot, line, look.paper);
      this.#paintBest(ctx, plot, line, look.paper);
    }
    if (plot.labelRoom > 0) this.#paintLabels(ctx, plot, all, new Set(some), look);
  }

  #retrace(plot: Plot, lines: Line<Drawn>[]): void {
    const { left, top, width, height, x, y, right, log, logX } = plot;
    const of: unknown[] = [left, top, width, height, ...x, ...y, ...(right ?? []), log, logX];
    for (const line of lines) of.push(line.curve, line.smoothed, line.band, line.right, line.dash.join(), line.best);
    if (of.length === this.#of.length && of.every((part, i) => part === this.#of[i])) return;
    this.#of = of;
    this.#many = lines.reduce((sum, { curve }) => sum + curve.x.length, 0) > MANY_POINTS;
    this.#traced = new Map(lines.map((line) => [line.id, trace(plot, line)]));
  }

  #paintBand(ctx: Ctx, line: Line<Drawn>): void {
    const { band } = this.#traced.get(line.id)!;
    if (!band) return;
    ctx.globalAlpha = 0.13;
    ctx.fillStyle = line.colour;
    ctx.fill(band);
  }

  #paintLine(ctx: Ctx, plot: Plot, line: Line<Drawn>, factor: number, lit: boolean): void {
    const traced = this.#traced.get(line.id)!;
    ctx.strokeStyle = ctx.fillStyle = line.colour;
    if (traced.raw) {
      ctx.globalAlpha = 0.22;
      ctx.lineWidth = plot.ratio;
      ctx.setLineDash([]);
      ctx.stroke(traced.raw);
    }
    ctx.globalAlpha = (line.faint || line.left) && !lit ? 0.35 : 1;
    const width = line.faint || line.left ? 1 : line.base ? BASE_WIDTH : WIDTH;
    // Lines of one device pixel have a way of their own, many times faster: among many, the eye misses nothing.
    ctx.lineWidth = this.#many && !lit && !line.base ? 1 : width * factor * plot.ratio;
    ctx.lineJoin = traced.dense ? "bevel" : "round";
    const dash = line.left ? [3, 3] : traced.dense ? [] : line.dash;
    ctx.setLineDash(dash.map((length) => length * plot.ratio));
    ctx.stroke(traced.line);
    ctx.setLineDash([]);
    for (const [x, y] of traced.alone) disc(ctx, x, y, 2 * plot.ratio);
    if (traced.tick) {
      ctx.globalAlpha = 1;
      ctx.lineWidth = WIDTH * plot.ratio;
      ctx.stroke(traced.tick);
    }
  }

  #paintDot(ctx: Ctx, plot: Plot, line: Line<Drawn>, paper: string): void {
    const { end } = this.#traced.get(line.id)!;
    if (!line.stopped || !end?.inside) return;
    ctx.globalAlpha = 1;
    // A ring parts the dot from the lines under it.
    ctx.fillStyle = paper;
    disc(ctx, end.x, end.y, 4.5 * plot.ratio);
    ctx.fillStyle = line.colour;
    disc(ctx, end.x, end.y, 3 * plot.ratio);
  }

  /** A ring around the best point. */
  #paintBest(ctx: Ctx, plot: Plot, line: Line<Drawn>, paper: string): void {
    const { best } = this.#traced.get(line.id)!;
    if (!best) return;
    ctx.globalAlpha = 1;
    ctx.fillStyle = paper;
    ctx.strokeStyle = line.colour;
    ctx.lineWidth = 2 * plot.ratio;
    ctx.beginPath();
    ctx.arc(best[0], best[1], 4.5 * plot.ratio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  }

  /** Of some lines; their places are found together with those of all others. */
  #paintLabels(ctx: Ctx, plot: Plot, lines: Line<Drawn>[], some: Set<Line<Drawn>>, look: Look): void {
    ctx.font = look.font;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    const measure = (text: string) => ctx.measureText(text).width;
    const room = plot.labelRoom - 8 * plot.ratio;
    const labels: EndLabel[] = lines.flatMap(({ id, name, faint, left }) => {
      if (faint || left) return [];
      const end = this.#traced.get(id)!.end;
      if (!end) return [];
      const text = fitted(name, room, measure);
      return { run: id, text, x: end.x + 7 * plot.ratio, y: end.y, width: measure(text) };
    });
    const half = (LABEL_HEIGHT / 2) * plot.ratio;
    const byRun = new Map(lines.map((line) => [line.id, line]));
    ctx.globalAlpha = 1;
    for (const label of spread(labels, 2 * half, plot.top + half, plot.top + plot.height - half)) {
      const line = byRun.get(label.run)!;
      if (!some.has(line)) continue;
      ctx.lineWidth = 3 * plot.ratio;
      ctx.lineJoin = "round";
      ctx.strokeStyle = look.paper;
      ctx.strokeText(label.text, label.x, label.y);
      ctx.fillStyle = line.colour;
      ctx.fillText(label.text, label.x, label.y);
    }
  }
}

/** Whether a line is of the run that is lit, or of the group that it is in. */
export function isLit({ run, members }: Pick<Line, "run" | "members">, lit: string): boolean {
  return run === lit || !!members?.has(lit);
}

/** From values to canvas pixels; what has no place on a log axis is NaN. */
export function projections(plot: Plot, right = false): { toX: Project; toY: Project } {
  const y = right && plot.right ? plot.right : plot.y;
  const perY = plot.height / (y[1] - y[0]);
  const bottom = plot.top + plot.height;
  const low = plot.logX ? Math.log10(plot.x[0]) : plot.x[0];
  const perX = plot.width / ((plot.logX ? Math.log10(plot.x[1]) : plot.x[1]) - low);
  return {
    toX: plot.logX
      ? (x) => (x > 0 ? plot.left + (Math.log10(x) - low) * perX : NaN)
      : (x) => plot.left + (x - low) * perX,
    toY: plot.log
      ? (value) => (value > 0 ? bottom - (Math.log10(value) - y[0]) * perY : NaN)
      : (value) => bottom - (value - y[0]) * perY,
  };
}

function trace(plot: Plot, { curve, smoothed, band, right, dash, left, best }: Line<Drawn>): Traced {
  const { toX, toY } = projections(plot, right);
  const drawn = smoothed ?? curve.y;
  const line = new Path2D();
  const dense = isDense(plot, curve.x);
  const dashes = dense && dash.length ? new DashedPath(line, dash.map((length) => length * plot.ratio)) : line;
  const alone = traceLine(dashes, curve.x, drawn, toX, toY);
  const raw = smoothed ? new Path2D() : null;
  if (raw) traceLine(raw, curve.x, curve.y, toX, toY);
  const area = band ? new Path2D() : null;
  if (area) traceBand(area, curve.x, curve.lo, curve.hi, toX, toY);
  const tick = left ? tickAt(toX(curve.x[0]!), toY(curve.y[0]!), TICK * plot.ratio) : null;
  return { line, raw, band: area, alone, tick, best: bestOf(plot, curve.x, drawn, toX, toY, best), dense, end: endOf(plot, curve.x, drawn, toX, toY) };
}

function tickAt(x: number, y: number, reach: number): Path2D {
  const tick = new Path2D();
  tick.moveTo(x, y - reach);
  tick.lineTo(x, y + reach);
  return tick;
}

function bestOf(plot: Plot, x: Float64Array, y: Float64Array, toX: Project, toY: Project, best: Line["best"]): Traced["best"] {
  if (!best) return null;
  const at = bestIndex(x, y, plot.x, best);
  if (at === null) return null;
  const place: [number, number] = [toX(x[at]!), toY(y[at]!)];
  const inside = place[1] >= plot.top && place[1] <= plot.top + plot.height;
  return inside ? place : null;
}

/** Where the highest or lowest point between two x stands; the first of equals. Null without a number. */
export function bestIndex(x: Float64Array, y: Float64Array, [low, high]: Range, best: "max" | "min"): number | null {
  let at: number | null = null;
  for (let i = 0; i < x.length; i++) {
    if (x[i]! < low || x[i]! > high || !Number.isFinite(y[i]!)) continue;
    if (at === null || (best === "max" ? y[i]! > y[at]! : y[i]! < y[at]!)) at = i;
  }
  return at;
}

function isDense(plot: Plot, x: Float64Array): boolean {
  if (x.length < 2) return false;
  const width = x[x.length - 1]! - x[0]!;
  const shown = Math.min(1, width / (plot.x[1] - plot.x[0])) * plot.width;
  return x.length > shown / 2;
}

/** The last point that is on screen, and whether the line really ends there. */
function endOf(plot: Plot, x: Float64Array, y: Float64Array, toX: Project, toY: Project): Traced["end"] {
  for (let i = x.length - 1; i >= 0; i--) {
    if (x[i]! > plot.x[1]) continue;
    if (x[i]! < plot.x[0]) return null;
    const py = toY(y[i]!);
    if (!Number.isFinite(py)) continue;
    return { x: toX(x[i]!), y: py, inside: i === x.length - 1 || !(x[i + 1]! > plot.x[1]) };
  }
  return null;
}

function disc(ctx: Ctx, x: number, y: number, radius: number): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

/** NaN: a crossed circle where the line breaks. Infinities: triangles at the edge that they lie behind. */
function paintMarks(ctx: Ctx, plot: Plot, { curve, colour, right }: Line<Drawn>): void {
  const { toX, toY } = projections(plot, right);
  const size = 3.5 * plot.ratio;
  const bottom = plot.top + plot.height;
  ctx.globalAlpha = 1;
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 1.25 * plot.ratio;
  ctx.setLineDash([]);
  eachApart(curve.nan, plot, toX, (x, i) => {
    const d = size * Math.SQRT1_2;
    const before = toY(curve.nanY[i]!);
    // Before the first number, and where that is out of sight, the mark stands on the axis.
    const y = before >= plot.top && before <= bottom ? before : bottom;
    ctx.beginPath();
    ctx.arc(x, y, size, 0, 2 * Math.PI);
    ctx.moveTo(x - d, y - d);
    ctx.lineTo(x + d, y + d);
    ctx.moveTo(x - d, y + d);
    ctx.lineTo(x + d, y - d);
    ctx.stroke();
  });
  const triangle = (x: number, tip: number, base: number) => {
    ctx.beginPath();
    ctx.moveTo(x, tip);
    ctx.lineTo(x - size, base);
    ctx.lineTo(x + size, base);
    ctx.fill();
  };
  eachApart(curve.posInf, plot, toX, (x) => triangle(x, plot.top - size, plot.top + size));
  eachApart(curve.negInf, plot, toX, (x) => triangle(x, bottom + size, bottom - size));
}

/** A thousand NaN side by side need no thousand marks. */
function eachApart(xs: number[], plot: Plot, toX: Project, mark: (x: number, i: number) => void): void {
  let before = -Infinity;
  for (const [i, x] of xs.entries()) {
    const px = toX(x);
    if (x < plot.x[0] || x > plot.x[1] || px - before < 4 * plot.ratio) continue;
    before = px;
    mark(px, i);
  }
}
