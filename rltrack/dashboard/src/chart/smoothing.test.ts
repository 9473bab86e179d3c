import { expect, test } from "vitest";
import { smooth } from "./smoothing";

test("weight 0 changes nothing", () =>
  expect([...smooth(Float64Array.of(1, 5, 2), 0)]).toEqual([1, 5, 2]));

test("a constant stays where it is from the first point on", () =>
  smooth(new Float64Array(50).fill(7), 0.99).forEach((value) => expect(value).toBeCloseTo(7, 12)));

test("two points, worked by hand", () => {
  // (0.5 · 0.5 · 2 + 0.5 · 4) / (0.5 · 0.5 + 0.5) = 2.5 / 0.75
  expect(smooth(Float64Array.of(2, 4), 0.5)[1]).toBeCloseTo(10 / 3, 12);
});

test("the average starts anew behind a NaN and behind an infinity", () => {
  const smoothed = smooth(Float64Array.of(100, NaN, 1, Infinity, 2), 0.9);
  expect(smoothed[1]).toBeNaN();
  expect(smoothed[2]).toBeCloseTo(1, 12);
  expect(smoothed[4]).toBeCloseTo(2, 12);
});
