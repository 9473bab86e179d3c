import { describe, expect, test } from "vitest";
import type { PanelFrame } from "../server/frame";
import { bandCurves, curvesOf, lastX, nearestIndex } from "./curves";

const columns = (values: Record<string, number[]>) =>
  Object.fromEntries(Object.entries(values).map(([name, column]) => [name, Float64Array.from(column)]));

function frame(exact: boolean, series: Record<string, number[]>): PanelFrame {
  const zeros = [0, 0, 0, 0];
  const all = { count: zeros, nan: zeros, pos_inf: zeros, neg_inf: zeros, min: zeros, max: zeros, mean: zeros, last: zeros };
  return {
    key: "k", x: "_step", exact, bucket_width: 0, extent: [0, 3], missing: [], left: [], bands: [],
    grid: Float64Array.of(0, 1, 2, 3),
    series: [{ run: "a", ...columns({ ...all, ...series }) } as unknown as PanelFrame["series"][number]],
  };
}

describe("curvesOf", () => {
  test("leaves out the buckets in which the run has no point", () => {
    const [curve] = curvesOf(frame(true, { count: [1, 0, 1, 0], last: [5, 0, 7, 0] }));
    expect([...curve!.x]).toEqual([0, 2]);
    expect([...curve!.y]).toEqual([5, 7]);
  });

  test("a number at each x is one column", () => {
    const told = frame(true, { count: [1, 1, 1, 1] });
    const [series] = told.series;
    series!.last = series!.min = series!.max = Float64Array.of(5, 6, 7, 8);
    const [curve] = curvesOf(told);
    expect([[...curve!.x], [...curve!.y]]).toEqual([[0, 1, 2, 3], [5, 6, 7, 8]]);
    expect(new Set([curve!.y, curve!.lo, curve!.hi, curve!.told]).size).toBe(1);

    series!.min = Float64Array.of(5, 6, 0, 8); // two steps of one x
    expect([...curvesOf(told)[0]!.lo]).toEqual([5, 6, 0, 8]);

    series!.min = series!.last;
    series!.count = Float64Array.of(1, 1, 0, 1);
    expect([...curvesOf(told)[0]!.x]).toEqual([0, 1, 3]);
  });

  test("draws the mean when a bucket holds several points", () => {
    const [curve] = curvesOf(frame(false, { count: [2, 2, 2, 2], last: [9, 9, 9, 9], mean: [1, 2, 3, 4] }));
    expect([...curve!.y]).toEqual([1, 2, 3, 4]);
  });

  test("a NaN breaks the line and leaves a mark", () => {
    const [curve] = curvesOf(frame(true, { count: [1, 1, 1, 0], nan: [0, 1, 0, 0], last: [1, NaN, 3, 0] }));
    expect([...curve!.y]).toEqual([1, NaN, 3]);
    expect([curve!.nan, curve!.nanY]).toEqual([[1], [1]]);
  });

  test("an infinity breaks the line, and is told with its sign", () => {
    const [curve] = curvesOf(
      frame(false, { count: [1, 1, 0, 0], neg_inf: [0, 1, 0, 0], mean: [1, NaN, 0, 0] }),
    );
    expect([...curve!.y]).toEqual([1, NaN]);
    expect([...curve!.told]).toEqual([1, -Infinity]);
    expect(curve!.negInf).toEqual([1]);
  });

  test("a bucket with a NaN among numbers keeps the line and gets the mark", () => {
    const [curve] = curvesOf(frame(false, { count: [3, 0, 0, 0], nan: [1, 0, 0, 0], mean: [2, 0, 0, 0] }));
    expect([...curve!.y]).toEqual([2]);
    expect(curve!.nan).toEqual([0]);
  });
});

test("lastX looks at every run", () => {
  expect(lastX(curvesOf(frame(true, { count: [1, 1, 0, 0] })))).toBe(1);
  expect(lastX([])).toBeNull();
});

test("nearestIndex rounds to the nearer neighbour and stays inside", () => {
  const xs = Float64Array.of(0, 10, 20);
  expect([-5, 4, 6, 20, 99].map((x) => nearestIndex(xs, x))).toEqual([0, 0, 1, 2, 2]);
  expect(nearestIndex(new Float64Array(), 1)).toBeNull();
});

test("a group has a line where any of its runs has a value, and says of how many it is", () => {
  const of = (...numbers: number[]) => new Float64Array(numbers);
  const band = { group: "g", name: "mean, std", count: of(3, 2, 0, 1), centre: of(1, 2, NaN, 4), low: of(0, 1, NaN, 4), high: of(2, 3, NaN, 4) };
  const frame = { key: "k", x: "_step", exact: true, bucket_width: 0, extent: null, missing: [], left: [], series: [], grid: of(0, 1, 2, 3), bands: [band] };
  const [curve] = bandCurves(frame);
  expect([curve!.x, curve!.y, curve!.lo, curve!.n]).toEqual([of(0, 1, 3), of(1, 2, 4), of(0, 1, 4), of(3, 2, 1)]);
});
