import { expect, test } from "vitest";
import { shiftOf } from "./moved";
import type { Plot } from "./painter";

const plot: Plot = {
  left: 50, top: 10, width: 100, height: 200, ratio: 1, x: [0, 10], y: [0, 1], right: null, log: false, logX: false, labelRoom: 0,
};

test("what is drawn where it belongs stays", () => {
  expect(shiftOf(plot, { ...plot })).toBe("");
});

test("of a part that was moved along x, the picture moves the other way", () => {
  expect(shiftOf(plot, { ...plot, x: [1, 11] })).toBe("matrix(1,0,0,1,-10,0)");
});

test("twice as near, the picture is twice as wide, and its left edge stays at that of the plot", () => {
  // 50 px of axis become 100: 50 + (0 - 0) - 50 * 2.
  expect(shiftOf(plot, { ...plot, x: [0, 5] })).toBe("matrix(2,0,0,1,-50,0)");
});

test("between two kinds of axis nothing is stretched", () => {
  expect(shiftOf(plot, { ...plot, log: true, y: [0, 1] })).toBe("");
});
