import { expect, test } from "vitest";
import { panned, zoomedAt } from "./gestures";

test("what is under the pointer stays under it", () => {
  expect(zoomedAt([0, 100], 0.5, 0.25)).toEqual([12.5, 62.5]);
  expect(zoomedAt(zoomedAt([0, 100], 0.5, 0.25), 2, 0.25)).toEqual([0, 100]);
});

test("a drag to the right shows what was to the left", () => expect(panned([10, 20], 0.5)).toEqual([5, 15]));
