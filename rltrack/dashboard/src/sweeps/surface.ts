/** What lies between trials: an estimate of the value over two parameters, from those that were tried. */

export interface Spot {
  x: number;
  y: number;
  value: number;
}

/**
 * A grid of estimates over the unit square, row by row from the bottom; NaN where no trial is near.
 *
 * Each is the mean of all values, weighted by a Gaussian of their distance: it goes through no point
 * exactly, as trials are noisy. Its width shrinks with the number of trials, as with Scott's rule.
 */
export function surface(spots: Spot[], size: number): Float64Array {
  const grid = new Float64Array(size * size).fill(NaN);
  if (spots.length < 3) return grid;
  const width = 0.35 * spots.length ** (-1 / 6);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [(column + 0.5) / size, (row + 0.5) / size];
      let [sum, weight, near] = [0, 0, Infinity];
      for (const spot of spots) {
        const squared = (spot.x - x) ** 2 + (spot.y - y) ** 2;
        if (squared < near) near = squared;
        const own = Math.exp(-squared / (2 * width * width));
        sum += own * spot.value;
        weight += own;
      }
      if (near < (2 * width) ** 2) grid[row * size + column] = sum / weight;
    }
  }
  return grid;
}

/** Lines of one level through a grid, in parts of its side: marching squares. */
export function contour(grid: Float64Array, size: number, level: number): [number, number, number, number][] {
  const lines: [number, number, number, number][] = [];
  for (let row = 0; row + 1 < size; row++) {
    for (let column = 0; column + 1 < size; column++) {
      const corners = [grid[row * size + column]!, grid[row * size + column + 1]!, grid[(row + 1) * size + column + 1]!, grid[(row + 1) * size + column]!];
      if (corners.some(Number.isNaN)) continue;
      const cuts: [number, number][] = [];
      for (let side = 0; side < 4; side++) {
        const [a, b] = [corners[side]!, corners[(side + 1) % 4]!];
        if (a < level === b < level) continue;
        const part = (level - a) / (b - a);
        const [fromX, fromY] = CORNERS[side]!;
        const [toX, toY] = CORNERS[(side + 1) % 4]!;
        cuts.push([column + 0.5 + fromX + (toX - fromX) * part, row + 0.5 + fromY + (toY - fromY) * part]);
      }
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        lines.push([cuts[i]![0] / size, cuts[i]![1] / size, cuts[i + 1]![0] / size, cuts[i + 1]![1] / size]);
      }
    }
  }
  return lines;
}

const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]] as const;
