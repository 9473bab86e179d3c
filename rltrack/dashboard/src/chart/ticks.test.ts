import { describe, expect, test } from "vitest";
import { clockTicks, durationTicks, logTicks, numberTicks, roundTicks, wholeTicks } from "./ticks";

const labels = (ticks: { label: string }[]) => ticks.map((tick) => tick.label);

describe("numberTicks", () => {
  test("are round and inside the range", () =>
    expect(labels(numberTicks(0, 1_000_000, 5))).toEqual(["0", "200k", "400k", "600k", "800k", "1M"]));
  test("cross zero without a negative zero", () => expect(labels(numberTicks(-1, 1, 2))).toEqual(["−1", "0", "1"]));
  test("of an empty range are none", () => expect(roundTicks(3, 3, 5)).toEqual([]));
});

test("steps are counted in whole numbers", () => {
  expect(labels(wholeTicks(0, 3, 10))).toEqual(["0", "1", "2", "3"]);
  expect(labels(wholeTicks(0, 10, 4))).toEqual(["0", "5", "10"]);
});

describe("logTicks", () => {
  test("are decades", () => expect(labels(logTicks(-1, 3, 6))).toEqual(["0.1", "1", "10", "100", "1k"]));
  test("skip decades when there is no room", () => expect(logTicks(0, 12, 4)).toHaveLength(5));
  test("fall back to 1-2-5 in a short range", () =>
    expect(labels(logTicks(Math.log10(1.5), Math.log10(6), 5))).toEqual(["2", "5"]));
  test("fall back to round numbers in a tiny one", () =>
    expect(logTicks(Math.log10(2.1), Math.log10(2.4), 5).length).toBeGreaterThan(1));
});

describe("times", () => {
  test("durations step in minutes and hours, not in tens", () =>
    expect(labels(durationTicks(0, 3600, 4))).toEqual(["0", "15m", "30m", "45m", "1h"]));
  test("durations under a few seconds keep decimals", () =>
    expect(labels(durationTicks(0, 1, 4))).toContain("0.50 s"));
  test("clock ticks stand at whole minutes", () => {
    for (const { at } of clockTicks(1_790_000_017, 1_790_000_600, 5)) expect(at % 60).toBe(0);
  });
});
