import { expect, test } from "vitest";
import { windowOf } from "./window";

test("only what is near the screen is built", () =>
  expect(windowOf(4000, 400, 40, 1000, 2)).toEqual({ first: 98, end: 112 }));
test("the ends are the ends", () => {
  expect(windowOf(0, 400, 40, 3)).toEqual({ first: 0, end: 3 });
  expect(windowOf(0, 0, 40, 0)).toEqual({ first: 0, end: 0 });
});
test("a list that shrank while scrolled far down is empty, not negative", () =>
  expect(windowOf(99_999, 400, 40, 3)).toEqual({ first: 3, end: 3 }));
