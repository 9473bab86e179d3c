import { describe, expect, test } from "vitest";
import { age, ago, bytes, compact, duration, grouped, plural, tickLabels } from "./format";

describe("compact", () => {
  test.each([
    [0, "0"],
    [1, "1"],
    [0.5, "0.5"],
    [0.9984, "0.998"],
    [999.96, "1k"],
    [1234, "1.23k"],
    [100_000, "100k"],
    [2_500_000, "2.5M"],
    [0.0003, "3e-4"],
    [0.00123, "0.00123"],
    [-1234, "−1.23k"],
    [1e16, "1e16"],
    [NaN, "NaN"],
    [Infinity, "∞"],
    [-Infinity, "−∞"],
  ])("writes %d as %s", (value, text) => expect(compact(value)).toBe(text));
});

test("grouped keeps every digit of a step", () => expect(grouped(352500)).toBe("352,500"));

describe("tickLabels", () => {
  test("gives thousands their unit and leaves the small ones", () =>
    expect(tickLabels([0, 500, 1000, 1500, 2000])).toEqual(["0", "500", "1k", "1.5k", "2k"]));
  test("keeps one number of decimals on an axis", () =>
    expect(tickLabels([0.01, 0.02, 0.03])).toEqual(["0.01", "0.02", "0.03"]));
  test("tells apart ticks that are close together far from zero", () =>
    expect(tickLabels([100_200, 100_400, 100_600])).toEqual(["100.2k", "100.4k", "100.6k"]));
  test("writes tiny values with an exponent", () =>
    expect(tickLabels([1e-4, 2e-4, 3e-4])).toEqual(["1e-4", "2e-4", "3e-4"]));
  test("does not let a rounding error of zero become a label", () =>
    expect(tickLabels([-0.1, 1e-17, 0.1])).toEqual(["−0.1", "0", "0.1"]));
  test("keeps quarters", () => expect(tickLabels([0.25, 0.5, 0.75])).toEqual(["0.25", "0.50", "0.75"]));
});

describe("times", () => {
  test.each([
    [0.4, "0.4 s"],
    [59.7, "1 m"],
    [200, "3 m 20 s"],
    [7500, "2 h 5 m"],
    [90_000, "1 d 1 h"],
  ])("%d seconds last %s", (seconds, text) => expect(duration(seconds)).toBe(text));
  test("ago has one unit", () => {
    expect(ago(0.2)).toBe("now");
    expect(ago(3.9)).toBe("3 s ago");
    expect(ago(3700)).toBe("1 h ago");
  });
  test("a clock that runs ahead of the server's never gives a negative age", () =>
    expect(age(-5)).toBe("0 s"));
});

test("sizes and counts", () => {
  expect(bytes(1_234_567)).toBe("1.23 MB");
  expect(plural(1, "run")).toBe("1 run");
  expect(plural(1204, "run")).toBe("1,204 runs");
});
