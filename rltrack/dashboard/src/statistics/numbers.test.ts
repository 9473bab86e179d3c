import { expect, test } from "vitest";
import type { ScoredGroup, ScoredRun } from "../server/types";
import { countOf, csvOf, number, parseLimits } from "./numbers";

const run = (id: string, counts: boolean): ScoredRun => ({
  id, name: id, state: counts ? "finished" : "crashed", slot: 0, task: "", score: counts ? 1 : "NaN", counts, why: null,
});
const group: ScoredGroup = {
  name: "lr=1, x", n_runs: 2, n_all: 3, runs: [run("a", true), run("b", true), run("c", false)], few: true,
  intervals: { iqm: [1, 0.5, 1.5] }, profile: null, curve: null, versus: null,
};

test("runs that do not count are told, and are in the file", () => {
  expect(countOf(group, 1)).toBe("N = 2 of 3");
  const lines = csvOf({ groups: [group], metric: "return" } as never).split("\r\n");
  expect(lines[3]).toBe('"lr=1, x",return,c,,crashed,false,NaN,,,');
  expect(lines[4]).toBe('"lr=1, x",iqm,,,,,1,0.5,1.5,2');
});

test("limits are read as they are typed, or not at all", () => {
  expect(parseLimits("CartPole-v1: 0 to 500, Acrobot: -500 .. -60")).toEqual({ "CartPole-v1": [0, 500], Acrobot: [-500, -60] });
  expect([parseLimits("x: 1 to"), parseLimits("x: 1 to 1"), parseLimits("")]).toEqual([null, null, null]);
  expect(number("NaN")).toBeNaN();
});
