import { expect, test } from "vitest";
import type { Run } from "../server/types";
import { asNumber, flatten, inline, summaryNumber, withoutFiles } from "./values";

test("the strings that stand for floats are numbers again", () => {
  expect(asNumber("NaN")).toBeNaN();
  expect(asNumber("-Infinity")).toBe(-Infinity);
  expect(asNumber("toString")).toBeNull();
  expect(asNumber(true)).toBeNull();
});

test("a summary that holds several numbers gives the last", () => {
  const run = { summary: { r: { max: 9, last: 3 }, best: { max: 9 }, name: "x" } } as unknown as Run;
  expect([summaryNumber(run, "r"), summaryNumber(run, "best"), summaryNumber(run, "name")]).toEqual([3, 9, null]);
});

test("nested keys are joined by dots, lists and empty objects stay whole", () => {
  expect(flatten({ env: { id: "x", kw: {} }, net: [64, 64] })).toEqual([
    ["env.id", "x"],
    ["env.kw", {}],
    ["net", [64, 64]],
  ]);
});

test("a summary keeps its numbers and loses its files", () =>
  expect(withoutFiles({ loss: 1, video: { _type: "video-file", path: "a.mp4" }, best: { max: 2 } })).toEqual({
    loss: 1,
    best: { max: 2 },
  }));

test("values are written in one line", () => {
  expect([inline("a"), inline([1, "b"]), inline(null)]).toEqual(["a", '[1,"b"]', "null"]);
});
