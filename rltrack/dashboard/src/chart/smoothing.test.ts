import { describe, expect, test } from "vitest";
import { smooth, SMOOTHINGS } from "./smoothing";

const at = (...values: number[]) => Float64Array.from(values);
const steps = (length: number) => Float64Array.from({ length }, (_, i) => i);

describe.each(SMOOTHINGS)("%s", (kind) => {
  test("a constant stays what it is, also at its start and its end", () => {
    const flat = new Float64Array(40).fill(3);
    for (const value of smooth(steps(40), flat, 0.9, kind)) expect(value).toBeCloseTo(3, 12);
  });

  test("no line crosses a NaN: behind it, the average starts anew", () => {
    const smoothed = smooth(steps(5), at(1, 1, NaN, 7, 7), 0.9, kind);
    expect(smoothed[2]).toBeNaN();
    expect([...smoothed.subarray(0, 2)]).toEqual([1, 1]);
    expect(smoothed[3]).toBeCloseTo(7, 12);
    expect(smoothed[4]).toBeCloseTo(7, 12);
  });
});

test("the moving average, worked by hand", () =>
  expect([...smooth(steps(3), at(1, 2, 4), 0.5, "ema")]).toEqual([1, 2.5 / 1.5, 5.25 / 1.75]));

test("the time-weighted average forgets by distance, not by points", () => {
  // Both points lie as far before the last one, whatever lies in between.
  const sparse = smooth(at(0, 1000), at(0, 1), 0.99, "time");
  const dense = smooth(at(0, 999.9, 1000), at(0, 1, 1), 0.99, "time");
  expect(sparse[1]).toBeCloseTo(1, 3);
  expect(dense[2]).toBeCloseTo(1, 3);
  expect(smooth(at(0, 1, 1000), at(0, 1, 1), 0.9, "time")[1]).toBeCloseTo(1 / 1.9, 12);
});

test("a running mean looks to both sides", () =>
  expect([...smooth(steps(5), at(0, 0, 9, 0, 0), 2 / 3, "window")]).toEqual([0, 3, 3, 3, 0]));

test("a Gaussian is the widest in the middle and has the weight of one", () => {
  const spike = new Float64Array(201);
  spike[100] = 1;
  const smoothed = smooth(steps(201), spike, 0.9, "gauss");
  expect(smoothed.reduce((sum, value) => sum + value)).toBeCloseTo(1, 9);
  const deviation = Math.sqrt(smoothed.reduce((sum, value, i) => sum + value * (i - 100) ** 2, 0));
  expect(Math.abs(deviation - 5)).toBeLessThan(0.5);
});
