import { expect, test } from "vitest";
import { fitting, withSearch } from "./past";

test("the newest search is first, and each is there once", () => {
  expect(withSearch(["loss", "kl"], " kl ")).toEqual(["kl", "loss"]);
  expect(withSearch(["loss"], "l")).toEqual(["loss"]);
  expect(withSearch(Array.from({ length: 30 }, (_, i) => `a${i}`), "new")).toHaveLength(20);
});

test("those that fit what is typed are offered", () => {
  expect(fitting(["train/Loss", "kl"], "loss")).toEqual(["train/Loss"]);
  expect(fitting(["loss", "kl"], "")).toEqual(["loss", "kl"]);
  expect(fitting(["loss"], "loss")).toEqual([]);
});
