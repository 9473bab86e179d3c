import { expect, test } from "vitest";
import { fitted, spread, withoutSharedStart } from "./labels";

const label = (run: string, y: number, x = 0) => ({ run, text: run, x, y, width: 40 });
const places = (labels: ReturnType<typeof label>[], bottom = 100) =>
  Object.fromEntries(spread(labels, 10, 0, bottom).map(({ run, y }) => [run, y]));

test("labels at one height are moved apart, to the nearest free places", () =>
  expect(places([label("a", 50), label("b", 50), label("c", 52)])).toEqual({ a: 50, b: 60, c: 40 }));

test("labels at the bottom stay inside", () =>
  expect(places([label("a", 98), label("b", 105)])).toEqual({ a: 98, b: 88 }));

test("labels that are far apart, up or along, stay where they are", () =>
  expect(places([label("a", 10), label("b", 90), label("c", 12, 200)])).toEqual({ a: 10, b: 90, c: 12 }));

test("a label for which there is no room is left out", () =>
  expect(places([label("a", 5), label("b", 5), label("c", 5)], 10)).toEqual({ a: 5 }));

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
