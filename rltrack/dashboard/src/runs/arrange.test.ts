import { describe, expect, test } from "vitest";
import type { Run } from "../server/types";
import {
  arrange, groupCell, groupsOf, isCondition, leaves, likelyValue, NEWEST, rowsOf, selected, toggled,
} from "./arrange";

function run(id: string, more: Partial<Run> = {}): Run {
  return {
    id, name: id, state: "finished", created_at: 0, ended_at: null, duration_s: 0, heartbeat_at: null,
    host: null, group: null, job_type: null, tags: [], notes: null, slot: 0, last_step: null, row_count: 0,
    incomplete: 0, damage: [], config: {}, summary: {}, metrics: [], ...more,
  };
}

const ids = (runs: Run[]) => runs.map(({ id }) => id).join(" ");
const newestFirst = [{ by: "created_at", down: true }];
const none = new Map();

describe("the filter", () => {
  const runs = [
    run("a", { tags: ["baseline"], config: { lr: 0.0003, env: { id: "Hopper-v5" } } }),
    run("b", { state: "crashed", config: { lr: 0.001 } }),
  ];
  test.each([
    ["baseline", "a"],
    ["CRASHED", "b"],
    ["lr=0.001", "b"],
    ["env.id=hopper", "a"],
    ["hopper crashed", ""],
    ["", "a b"],
  ])("%s", (filter, expected) => expect(ids(arrange(runs, filter, newestFirst, none))).toBe(expected));
});

describe("the order", () => {
  test("names sort as people count", () =>
    expect(ids(arrange([run("t10"), run("t9")], "", [{ by: "name", down: false }], none))).toBe("t9 t10"));

  test("runs without the value come last in both directions", () => {
    const runs = [run("none"), run("nan", { summary: { r: "NaN" } }), run("low", { summary: { r: 1 } }),
      run("high", { summary: { r: "Infinity" } })];
    expect(ids(arrange(runs, "", [{ by: "summary.r", down: true }], none)).startsWith("high low")).toBe(true);
    expect(ids(arrange(runs, "", [{ by: "summary.r", down: false }], none)).startsWith("low high")).toBe(true);
  });
});

describe("the selection", () => {
  const many = Array.from({ length: NEWEST + 5 }, (_, i) => run(`r${i}`, { created_at: i }));
  const base = { base: "newest", on: [], off: [] } as const;

  test("is the newest runs until somebody chooses", () => {
    const chosen = selected(many, { ...base, on: [], off: [] });
    expect(chosen.size).toBe(NEWEST);
    expect(chosen.has("r0")).toBe(false);
  });

  test("a run can be added and taken out", () => {
    const chosen = selected(many, { base: "newest", on: ["r0"], off: ["r24"] });
    expect([chosen.has("r0"), chosen.has("r24")]).toEqual([true, false]);
  });

  test("a run that the filter hides is not drawn", () =>
    expect(selected([run("a")], { base: "all", on: ["b"], off: [] })).toEqual(new Set(["a"])));

  test.each(["newest", "all", "none"] as const)("two clicks leave %s as it was drawn", (kind) => {
    const before = { base: kind, on: [], off: [] };
    for (const id of ["r0", "r24"]) {
      const isOn = selected(many, before).has(id);
      const once = toggled(before, id, isOn);
      expect(selected(many, once).has(id)).toBe(!isOn);
      expect(selected(many, toggled(once, id, !isOn))).toEqual(selected(many, before));
    }
  });
});

test("the value column shows the return where there is one", () => {
  expect(likelyValue(["time/fps", "train/loss", "rollout/ep_rew_mean"])).toBe("rollout/ep_rew_mean");
  expect(likelyValue(["time/fps"])).toBe("time/fps");
  expect(likelyValue([])).toBeNull();
});

describe("several orders and groups", () => {
  const runs = [
    run("a0", { config: { algo: "ppo", seed: 0 }, created_at: 1 }),
    run("b0", { config: { algo: "sac", seed: 0 }, created_at: 2 }),
    run("a1", { config: { algo: "ppo", seed: 1 }, created_at: 3 }),
  ];

  test("the second order decides where the first is even", () => {
    const sort = [{ by: "config.algo", down: false }, { by: "config.seed", down: true }];
    expect(ids(arrange(runs, "", sort, none))).toBe("a1 a0 b0");
  });

  test("values that the server told are sorted by, and runs without one come last", () => {
    const asked = new Map([["max(r)", new Map([["a0", 1], ["b0", 5]])]]);
    expect(ids(arrange(runs, "", [{ by: "max(r)", down: true }], asked))).toBe("b0 a0 a1");
  });

  test("everything but the seed makes an experiment of its seeds", () => {
    const groups = groupsOf(runs, ["but:seed"], none);
    expect(groups.map((group) => ids(group.runs))).toEqual(["a0 a1", "b0"]);
  });

  test("groups in groups unfold one by one", () => {
    const groups = groupsOf(runs, ["config.algo", "config.seed"], none);
    expect(leaves(groups).map(({ key }) => key)).toEqual(['["ppo",0]', '["ppo",1]', '["sac",0]']);
    const rows = rowsOf(groups, new Set(['["ppo"]', '["ppo",1]']));
    expect(rows.map((row) => ("run" in row ? row.run.id : row.group.key))).toEqual(
      ['["ppo"]', '["ppo",0]', '["ppo",1]', "a1", '["sac"]'],
    );
  });

  test.each([
    [[1, 3, null], 2],
    [["x", "x"], "x"],
    [["x", "y"], "2 values"],
    [[null], null],
  ])("a group of %j shows %s", (cells, shown) => expect(groupCell(cells)).toBe(shown));
});

test.each([
  ["ppo crashed", false],
  ["lr=0.001", false],
  ["config.lr < 1e-3", true],
  ["max(eval/return) > 3", true],
  ["state = finished", true],
  ["tags has baseline", true],
  ["exists(config.lr)", true],
])("whether %s is a condition: %s", (filter, is) => expect(isCondition(filter)).toBe(is));
