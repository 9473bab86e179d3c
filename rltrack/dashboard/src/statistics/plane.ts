/** From values to pixels, for the small charts of pages: linear axes, lines and the areas around them. */

export interface Scale {
  (value: number): number;
  /** The value at a pixel. */
  back(pixel: number): number;
  domain: [number, number];
}

export function linear([low, high]: [number, number], [from, to]: [number, number]): Scale {
  const width = high - low || 1;
  const scale = (value: number) => from + ((value - low) / width) * (to - from);
  return Object.assign(scale, {
    back: (pixel: number) => low + ((pixel - from) / (to - from)) * width,
    domain: [low, high] as [number, number],
  });
}

/** The range of numbers, with some room at both ends; of what is not finite nothing is known. */
export function rangeOf(values: Iterable<number>, room = 0.05): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const edge = (high - low) * room || Math.abs(high) * room || 1;
  return [low - edge, high + edge];
}

/** A line through points; a value that is none breaks it, and nothing is drawn across. */
export function linePath(x: number[], y: number[], scaleX: Scale, scaleY: Scale): string {
  let d = "";
  let broken = true;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(y[i])) {
      broken = true;
      continue;
    }
    d += `${broken ? "M" : "L"}${round(scaleX(x[i]!))} ${round(scaleY(y[i]!))}`;
    broken = false;
  }
  return d;
}

/** The area between two lines, in as many pieces as there are. */
export function areaPath(x: number[], low: number[], high: number[], scaleX: Scale, scaleY: Scale): string {
  let d = "";
  let start = -1;
  for (let i = 0; i <= x.length; i++) {
    const there = i < x.length && Number.isFinite(low[i]) && Number.isFinite(high[i]);
    if (there && start < 0) start = i;
    if (there || start < 0) continue;
    const up = x.slice(start, i).map((at, k) => `${round(scaleX(at))} ${round(scaleY(high[start + k]!))}`);
    const down = x.slice(start, i).map((at, k) => `${round(scaleX(at))} ${round(scaleY(low[start + k]!))}`);
    d += `M${up.join("L")}L${down.reverse().join("L")}Z`;
    start = -1;
  }
  return d;
}

/** The index of the value nearest to one, in a list that rises. */
export function nearestIndex(values: ArrayLike<number>, wanted: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - values[low - 1]! <= values[low]! - wanted ? low - 1 : low;
}

const round = (value: number) => Math.round(value * 10) / 10;
