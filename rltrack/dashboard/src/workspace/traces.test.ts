import { expect, test } from "vitest";
import type { Run } from "../server/types";
import { reversed, tracesOf, type Apart } from "./traces";

const run = (slot: number, config: Record<string, string | number>) =>
  ({ id: `r${slot}`, name: `r${slot}`, slot, state: "finished", tags: [], created_at: slot, config, summary: {} }) as unknown as Run;
const runs = [
  run(0, { algo: "ppo", env: "a", seed: 0 }),
  run(1, { algo: "sac", env: "a", seed: 0 }),
  run(2, { algo: "ppo", env: "b", seed: 0 }),
  run(3, { algo: "ppo", env: "a", seed: 1 }),
];
const naming = {
  slotOf: (one: Run) => one.slot,
  slotOfGroup: (key: string) => ['["ppo"]', '["sac"]'].indexOf(key),
  nameOf: (_: string[], values: unknown[]) => values.join(" "),
};
const shape = (apart: Partial<Apart>, drawn = runs) =>
  tracesOf(drawn, runs, { group: [], dash: [], facet: [], ...apart }, new Map(), naming).map(
    ({ name, slot, dash, facet, runs }) => `${facet}|${name}|${slot}|${dash}|${runs.length}`,
  );

test("without a choice each run is a line of its own colour", () =>
  expect(shape({}, runs.slice(0, 2))).toEqual(["|r0|0|null|1", "|r1|1|null|1"]));

test("runs get their dash and their chart by value", () =>
  expect(shape({ dash: ["config.algo"], facet: ["config.env"] })).toEqual([
    "a|r0|0|0|1", "a|r1|1|1|1", "a|r3|3|0|1", "b|r2|2|0|1",
  ]));

test("groups are parted further by dash and chart, and keep the colour of theirs", () =>
  expect(shape({ group: ["config.algo"], facet: ["config.env"] })).toEqual(["a|ppo|0|null|2", "a|sac|1|null|1", "b|ppo|0|null|1"]));

test("a dash stays when runs are hidden", () =>
  expect(shape({ dash: ["config.algo"] }, [runs[1]!])).toEqual(["|r1|1|1|1"]));

test("the switch turns some keys into all but these, and back", () => {
  expect(reversed(["config.seed", "config.lr"])).toEqual(["but:seed|lr"]);
  expect(reversed(["but:seed|lr"])).toEqual(["config.seed", "config.lr"]);
});
