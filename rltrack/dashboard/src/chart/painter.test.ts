import { expect, test } from "vitest";
import { bestIndex } from "./painter";

const of = (...values: number[]) => Float64Array.from(values);

test("the best point is the first of equals, among those in sight", () => {
  const [x, y] = [of(0, 1, 2, 3, 4), of(9, 2, 5, NaN, 5)];
  expect(bestIndex(x, y, [0, 4], "max")).toBe(0);
  expect(bestIndex(x, y, [1, 4], "max")).toBe(2);
  expect(bestIndex(x, y, [1, 4], "min")).toBe(1);
  expect(bestIndex(x, y, [3, 3], "max")).toBeNull();
});
