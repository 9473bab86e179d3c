import { expect, test } from "vitest";
import { lineStyle } from "./palette";

test("fifty runs look different", () => {
  const styles = Array.from({ length: 50 }, (_, slot) => JSON.stringify(lineStyle(slot, false)));
  expect(new Set(styles).size).toBe(50);
});

test("the first ten are solid", () => expect(lineStyle(9, true).dash).toEqual([]));
