import { expect, test } from "vitest";
import { fitted, spread, withoutSharedStart } from "./labels";

const label = (run: string, y: number) => ({ run, text: run, x: 0, y });

test("labels at one height are moved apart, in their order", () => {
  const placed = spread([label("a", 50), label("b", 50), label("c", 51)], 10, 0, 100);
  expect(placed.map(({ run, y }) => [run, y])).toEqual([["a", 50], ["b", 60], ["c", 70]]);
});

test("labels at the bottom are pushed up, not out", () => {
  const placed = spread([label("a", 98), label("b", 99)], 10, 0, 100);
  expect(placed.map(({ y }) => y)).toEqual([90, 100]);
});

test("labels that are far apart stay where they are", () => {
  expect(spread([label("a", 10), label("b", 90)], 10, 0, 100).map(({ y }) => y)).toEqual([10, 90]);
});

test("long names lose the words that they share", () => {
  expect(withoutSharedStart(["hopper-ppo-seed-1", "hopper-ppo-seed-2"])).toEqual(["1", "2"]);
  expect(withoutSharedStart(["sac", "ppo"])).toEqual(["sac", "ppo"]);
});

test("a name never becomes empty", () => {
  const names = ["cartpole-ppo-", "cartpole-ppo-2"];
  expect(withoutSharedStart(names)).toEqual(names);
});

test("a text is cut to its width", () => {
  expect(fitted("abcdef", 4, (text) => text.length)).toBe("abc…");
  expect(fitted("abc", 4, (text) => text.length)).toBe("abc");
});
