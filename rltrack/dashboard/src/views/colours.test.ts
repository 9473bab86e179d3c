import { expect, test } from "vitest";
import { chosenOf, NO_COLOURS, parseColours, slotsOfGroups, withChosen } from "./colours";

test("what was chosen comes and goes", () => {
  const red = withChosen(NO_COLOURS, "runs", { a: 6, b: 6 });
  expect(red.runs).toEqual({ a: 6, b: 6 });
  expect(chosenOf(red, "runs", ["a", "c"])).toEqual({ a: 6, c: null });
  expect(withChosen(red, "runs", { a: null }).runs).toEqual({ b: 6 });
});

test("groups have their place as their slot, but for those that were chosen", () => {
  expect([...slotsOfGroups(["x", "y", "z"], withChosen(NO_COLOURS, "groups", { y: 9 })).values()]).toEqual([0, 9, 2]);
});

test("frozen colours stay when groups come and go, and new ones take others", () => {
  const frozen = { ...NO_COLOURS, frozen: { runs: {}, groups: { x: 0, y: 1, z: 2 } } };
  expect([...slotsOfGroups(["new", "y", "z", "newer"], frozen)]).toEqual([["new", 0], ["y", 1], ["z", 2], ["newer", 3]]);
});

test("a document that is none of colours says nothing", () => {
  expect(parseColours(null)).toEqual(NO_COLOURS);
  expect(parseColours({ runs: { a: "red", b: 2, c: -1 }, frozen: 3 })).toEqual({ ...NO_COLOURS, runs: { b: 2 } });
});
