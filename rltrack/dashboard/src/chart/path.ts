/** Lines and bands as calls on a path: geometry alone, so that it is tested without a canvas. */

export interface PathSink {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  closePath(): void;
}

export type Project = (value: number) => number;

/**
 * A line through all finite points; a NaN breaks it.
 *
 * Returns the points that stand alone between two breaks: no line shows them.
 */
export function traceLine(
  sink: PathSink,
  x: Float64Array,
  y: Float64Array,
  toX: Project,
  toY: Project,
): [number, number][] {
  const alone: [number, number][] = [];
  let inPiece = 0;
  let px = 0;
  let py = 0;
  for (let i = 0; i <= x.length; i++) {
    const drawn = i < x.length ? toY(y[i]!) + 0 * toX(x[i]!) : NaN;
    if (!Number.isFinite(drawn)) {
      if (inPiece === 1) alone.push([px, py]);
      inPiece = 0;
      continue;
    }
    px = toX(x[i]!);
    py = drawn;
    if (inPiece === 0) sink.moveTo(px, py);
    else sink.lineTo(px, py);
    inPiece += 1;
  }
  return alone;
}

/**
 * A dashed path by its place on the x axis, for lines with a point on every pixel.
 *
 * The canvas's own dashes follow the line up and down: of noise, that is a hundred thousand of them.
 */
export class DashedPath implements PathSink {
  readonly #whole: number;
  #drawing = false;

  constructor(
    private readonly sink: PathSink,
    private readonly dash: number[],
  ) {
    this.#whole = dash.reduce((sum, length) => sum + length, 0);
  }

  moveTo(x: number, y: number): void {
    this.#drawing = this.#isOn(x);
    if (this.#drawing) this.sink.moveTo(x, y);
  }

  lineTo(x: number, y: number): void {
    if (!this.#isOn(x)) {
      this.#drawing = false;
      return;
    }
    if (this.#drawing) this.sink.lineTo(x, y);
    else this.sink.moveTo(x, y);
    this.#drawing = true;
  }

  closePath(): void {
    this.sink.closePath();
  }

  #isOn(x: number): boolean {
    let rest = ((x % this.#whole) + this.#whole) % this.#whole;
    for (const [i, length] of this.dash.entries()) {
      if (rest < length) return i % 2 === 0;
      rest -= length;
    }
    return true;
  }
}

/** The area between two lines; where either is not finite, it is broken. */
export function traceBand(
  sink: PathSink,
  x: Float64Array,
  lo: Float64Array,
  hi: Float64Array,
  toX: Project,
  toY: Project,
): void {
  let start = 0;
  for (let i = 0; i <= x.length; i++) {
    if (i < x.length && Number.isFinite(toY(lo[i]!) + toY(hi[i]!) + toX(x[i]!))) continue;
    if (i - start > 1) tracePiece(sink, x, lo, hi, toX, toY, start, i);
    start = i + 1;
  }
}

function tracePiece(
  sink: PathSink,
  x: Float64Array,
  lo: Float64Array,
  hi: Float64Array,
  toX: Project,
  toY: Project,
  start: number,
  end: number,
): void {
  sink.moveTo(toX(x[start]!), toY(hi[start]!));
  for (let i = start + 1; i < end; i++) sink.lineTo(toX(x[i]!), toY(hi[i]!));
  for (let i = end - 1; i >= start; i--) sink.lineTo(toX(x[i]!), toY(lo[i]!));
  sink.closePath();
}
