/** Draws the lines of a chart on its canvas. What was traced is kept until the data or the view changes. */

import type { Curve } from "./curves";
import { fitted, spread, type EndLabel } from "./labels";
import { DashedPath, traceBand, traceLine, type Project } from "./path";
import type { Range } from "./ranges";

export interface Line {
  /** Of the run, or of the group, and of the metric where a chart has several. */
  id: string;
  run: string;
  name: string;
  colour: string;
  dash: number[];
  curve: Curve;
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
  lit: string | null;
  paper: string;
  font: string;
}

interface Traced {
  line: Path2D;
  raw: Path2D | null;
  band: Path2D | null;
  alone: [number, number][];
  /** It has a point on every other pixel, so its dashes are in the path already. */
  dense: boolean;
  end: { x: number; y: number; inside: boolean } | null;
}

const WIDTH = 1.6;
const LIT_FACTOR = 1.25;
const DIM_FACTOR = 0.85;
const MANY_POINTS = 3000;
const DIMMED = 0.18;
export const LABEL_HEIGHT = 13;

export class Painter {
  #traced = new Map<string, Traced>();
  #of: unknown[] = [];
  #many = false;

  paint(ctx: CanvasRenderingContext2D, plot: Plot, lines: Line[], look: Look): void {
    this.#retrace(plot, lines);
    const lit = (line: Line) => look.lit === line.run || (look.lit !== null && !!line.members?.has(look.lit));
    const dim = (line: Line) => (look.lit === null || lit(line) ? 1 : DIMMED);
    // The lit line is drawn last, above the others.
    const ordered = look.lit === null ? lines : [...lines].sort((a, b) => dim(a) - dim(b));

    // uPlot remembers the styles that it set last, so all of ours are put back.
    ctx.save();
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.left, plot.top - plot.ratio, plot.width + 2 * plot.ratio, plot.height + 2 * plot.ratio);
    ctx.clip();
    this.#many = lines.reduce((sum, { curve }) => sum + curve.x.length, 0) > MANY_POINTS;
    for (const line of ordered) this.#paintBand(ctx, line, dim(line));
    for (const line of ordered) this.#paintLine(ctx, plot, line, lit(line), dim(line));
    ctx.restore();

    for (const line of ordered) {
      paintMarks(ctx, plot, line, dim(line));
      this.#paintDot(ctx, plot, line, look.paper, dim(line));
    }
    if (plot.labelRoom > 0) this.#paintLabels(ctx, plot, lines, look, dim);
    ctx.restore();
  }

  #retrace(plot: Plot, lines: Line[]): void {
    const { left, top, width, height, x, y, right, log, logX } = plot;
    const of: unknown[] = [left, top, width, height, ...x, ...y, ...(right ?? []), log, logX];
    for (const line of lines) of.push(line.curve, line.smoothed, line.band, line.right, line.dash.join());
    if (of.length === this.#of.length && of.every((part, i) => part === this.#of[i])) return;
    this.#of = of;
    this.#traced = new Map(lines.map((line) => [line.id, trace(plot, line)]));
  }

  #paintBand(ctx: CanvasRenderingContext2D, line: Line, alpha: number): void {
    const { band } = this.#traced.get(line.id)!;
    if (!band) return;
    ctx.globalAlpha = 0.13 * alpha;
    ctx.fillStyle = line.colour;
    ctx.fill(band);
  }

  #paintLine(ctx: CanvasRenderingContext2D, plot: Plot, line: Line, lit: boolean, alpha: number): void {
    const traced = this.#traced.get(line.id)!;
    ctx.strokeStyle = ctx.fillStyle = line.colour;
    if (traced.raw) {
      ctx.globalAlpha = 0.22 * alpha;
      ctx.lineWidth = plot.ratio;
      ctx.setLineDash([]);
      ctx.stroke(traced.raw);
    }
    ctx.globalAlpha = (line.faint || line.left) && !lit ? 0.35 * alpha : alpha;
    const width = line.faint || line.left ? 1 : WIDTH;
    // Lines of one device pixel have a way of their own, many times faster: among many, the eye misses nothing.
    ctx.lineWidth = this.#many && !lit ? 1 : width * (lit ? LIT_FACTOR : alpha < 1 ? DIM_FACTOR : 1) * plot.ratio;
    ctx.lineJoin = traced.dense ? "bevel" : "round";
    const dash = line.left ? [3, 3] : traced.dense ? [] : line.dash;
    ctx.setLineDash(dash.map((length) => length * plot.ratio));
    ctx.stroke(traced.line);
    ctx.setLineDash([]);
    for (const [x, y] of traced.alone) disc(ctx, x, y, 2 * plot.ratio);
  }

  #paintDot(ctx: CanvasRenderingContext2D, plot: Plot, line: Line, paper: string, alpha: number): void {
    const { end } = this.#traced.get(line.id)!;
    if (!line.stopped || !end?.inside) return;
    ctx.globalAlpha = alpha;
    // A ring parts the dot from the lines under it; a dimmed one would cut the lit line.
    ctx.fillStyle = paper;
    if (alpha === 1) disc(ctx, end.x, end.y, 4.5 * plot.ratio);
    ctx.fillStyle = line.colour;
    disc(ctx, end.x, end.y, 3 * plot.ratio);
  }

  #paintLabels(
    ctx: CanvasRenderingContext2D,
    plot: Plot,
    lines: Line[],
    look: Look,
    dim: (line: Line) => number,
  ): void {
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
    for (const label of spread(labels, 2 * half, plot.top + half, plot.top + plot.height - half)) {
      const line = byRun.get(label.run)!;
      ctx.globalAlpha = dim(line);
      ctx.lineWidth = 3 * plot.ratio;
      ctx.lineJoin = "round";
      ctx.strokeStyle = look.paper;
      ctx.strokeText(label.text, label.x, label.y);
      ctx.fillStyle = line.colour;
      ctx.fillText(label.text, label.x, label.y);
    }
    ctx.globalAlpha = 1;
  }
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

function trace(plot: Plot, { curve, smoothed, band, right, dash }: Line): Traced {
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
  return { line, raw, band: area, alone, dense, end: endOf(plot, curve.x, drawn, toX, toY) };
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

function disc(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

/** NaN: a crossed circle where the line breaks. Infinities: triangles at the edge that they lie behind. */
function paintMarks(ctx: CanvasRenderingContext2D, plot: Plot, { curve, colour, right }: Line, alpha: number): void {
  const { toX, toY } = projections(plot, right);
  const size = 3.5 * plot.ratio;
  const bottom = plot.top + plot.height;
  ctx.globalAlpha = alpha;
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
  ctx.globalAlpha = 1;
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
