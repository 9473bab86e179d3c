/** Lines of parallel coordinates on a canvas. */

export interface Lines {
  /** Of each axis, from the left. */
  x: number[];
  /** Of each axis the height of each row, NaN where it has no value. */
  y: Float64Array[];
}

/** Fit a canvas to its size on the screen; its context in CSS pixels, cleared. */
export function cleared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.lineJoin = "round";
  return context;
}

/** Add one row's line to the path. A value that is missing breaks it. */
export function trace(context: CanvasRenderingContext2D, { x, y }: Lines, row: number, curved: boolean): void {
  let begun = false;
  for (let axis = 0; axis < x.length; axis++) {
    const height = y[axis]![row]!;
    if (Number.isNaN(height)) {
      begun = false;
      continue;
    }
    if (!begun) context.moveTo(x[axis]!, height);
    else if (curved) {
      const middle = (x[axis - 1]! + x[axis]!) / 2;
      context.bezierCurveTo(middle, y[axis - 1]![row]!, middle, height, x[axis]!, height);
    } else context.lineTo(x[axis]!, height);
    begun = true;
  }
}
