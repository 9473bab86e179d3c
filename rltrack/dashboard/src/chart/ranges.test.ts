import { describe, expect, test } from "vitest";
import type { Curve } from "./curves";
import { padded, SteadyRange, widened, xWithRoom, yExtent } from "./ranges";

function curve(x: number[], y: number[], lo = y, hi = y): Curve {
  const [xs, ys, los, his] = [x, y, lo, hi].map((column) => Float64Array.from(column));
  return { run: "a", x: xs!, y: ys!, lo: los!, hi: his!, told: ys!, nan: [], nanY: [], posInf: [], negInf: [] };
}

describe("yExtent", () => {
  test("holds the band, not only the line", () =>
    expect(yExtent([curve([0, 1], [1, 2], [0, 1], [1, 9])], [0, 1], false)).toEqual([0, 9]));
  test("looks only at what is shown", () =>
    expect(yExtent([curve([0, 1, 2], [1, 2, 99])], [0, 1], false)).toEqual([1, 2]));
  test("is null for nothing but NaN", () => expect(yExtent([curve([0], [NaN])], [0, 1], false)).toBeNull());
  test("a log axis leaves out what is not positive", () =>
    expect(yExtent([curve([0, 1, 2], [-1, 0.1, 100])], [0, 2], true)).toEqual([-1, 2]));
  test("a log axis with nothing positive shows nothing", () =>
    expect(yExtent([curve([0], [-1])], [0, 2], true)).toBeNull());
});

test("a flat line gets a height", () => {
  expect(padded([0, 0], false)).toEqual([-1, 1]);
  expect(padded([50, 50], false)).toEqual([45, 55]);
  expect(padded([2, 2], true)).toEqual([1.5, 2.5]);
});

describe("SteadyRange", () => {
  const shows = (wanted: [number, number], fitted: [number, number], why = "", live = true) => {
    const range = new SteadyRange();
    range.settle("", [0, 10], [0, 10], true);
    return range.settle(why, wanted, fitted, live);
  };
  test("stays while the data is inside", () => expect(shows([1, 9], [0.5, 9.5])).toEqual([0, 10]));
  test("grows when the data leaves", () => expect(shows([1, 11], [0, 12])).toEqual([0, 12]));
  test("shrinks when the data fills little of it", () => expect(shows([1, 3], [0.5, 3.5])).toEqual([0.5, 3.5]));
  test("follows when something else is shown", () => expect(shows([1, 9], [0.5, 9.5], "zoom")).toEqual([0.5, 9.5]));
  test("fits exactly when nothing is live", () => expect(shows([1, 9], [0.5, 9.5], "", false)).toEqual([0.5, 9.5]));
});

test("a chart that grows has room on the right, one that is done has not", () => {
  expect(xWithRoom([0, 100], true)).toEqual([0, 104]);
  expect(xWithRoom([0, 100], false)).toEqual([0, 100]);
  expect(xWithRoom([5, 5], false)[0]).toBeLessThan(5);
});

test("a zoom asks for a little more on both sides", () => expect(widened([0, 100])).toEqual([-5, 105]));
