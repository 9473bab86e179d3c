import { describe, expect, test } from "vitest";
import { centreOf } from "./arrange";
import { choicesOf } from "./choices";
import { stepped } from "./columns";
import { metricOf } from "./fields";

describe("what a cell offers", () => {
  test.each([
    ["config.algo", "sac", ["config.algo = sac", "config.algo != sac"]],
    ["config.lr", 0.001, ["config.lr = 0.001", "config.lr != 0.001", "config.lr >= 0.001", "config.lr <= 0.001"]],
    ["tags", "old, good", ["tags has old", "tags has good"]],
    ["config.lr", null, ["exists(config.lr)", "not exists(config.lr)"]],
    ["max(loss)", Infinity, []],
    ["duration", 3, []],
  ])("%s = %s", (field, value, conditions) => expect(choicesOf(field, value).map((one) => one.condition)).toEqual(conditions));
});

describe("the middle of a group", () => {
  test.each([
    ["mean", 25],
    ["median", 3.5],
    ["iqm", 12.25],
    ["min", 1],
    ["max", 100],
  ] as const)("%s", (centre, expected) => expect(centreOf([100, 2, 3, 4, 1, 40], centre)).toBe(expected));
});

test("a column steps among those that are pinned as it is", () => {
  const columns = ["a", "b", "c"].map((field) => ({ field, width: null, pinned: field === "b" }));
  const fields = (by: -1 | 1) => stepped(columns, "a", by).map(({ field }) => field).join("");
  expect(fields(1)).toBe("cba");
  expect(fields(-1)).toBe("abc");
});

test.each([
  ["summary.eval/loss", "eval/loss"],
  ["summary.eval/loss.best", "eval/loss"],
  ["min(eval/loss)", "eval/loss"],
  ["config.lr", null],
  ["summary.note", null],
])("the metric of %s", (field, key) => expect(metricOf(field, new Set(["eval/loss"]))).toBe(key));
