import { expect, test } from "vitest";
import { areaPath, linear, linePath, nearestIndex, rangeOf } from "./plane";

const x = linear([0, 4], [0, 40]);
const y = linear([0, 10], [100, 0]);

test("a value that is none breaks the line and the area, and is never bridged", () => {
  expect(linePath([0, 1, 2, 3], [0, NaN, 5, 10], x, y)).toBe("M0 100M20 50L30 0");
  expect(areaPath([0, 1, 2, 3], [0, 1, NaN, 1], [2, 3, NaN, 3], x, y)).toBe("M0 80L10 70L10 90L0 100ZM30 70L30 90Z");
});

test("a range of one value has room, and infinity has no part in it", () => {
  expect(rangeOf([5, Infinity, NaN], 0.1)).toEqual([4.5, 5.5]);
  expect(rangeOf([])).toEqual([0, 1]);
});

test("the nearest of two, and the first of equals", () => {
  expect([nearestIndex([0, 10, 20], 14), nearestIndex([0, 10, 20], 16), nearestIndex([0, 10], -5)]).toEqual([1, 2, 0]);
  expect(nearestIndex([0, 10, 20], 15)).toBe(1);
  expect(x.back(20)).toBe(2);
});
