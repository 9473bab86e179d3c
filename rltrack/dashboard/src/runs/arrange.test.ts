import { describe, expect, test } from "vitest";
import type { Run } from "../server/types";
import { arrange, likelyValue, NEWEST, selected, toggled } from "./arrange";

function run(id: string, more: Partial<Run> = {}): Run {
  return {
    id, name: id, state: "finished", created_at: 0, ended_at: null, duration_s: 0, heartbeat_at: null,
    host: null, group: null, job_type: null, tags: [], notes: null, slot: 0, last_step: null, row_count: 0,
    incomplete: 0, damage: [], config: {}, summary: {}, metrics: [], ...more,
  };
}

const ids = (runs: Run[]) => runs.map(({ id }) => id).join(" ");
const newestFirst = { by: "started", down: true };

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
  ])("%s", (filter, expected) => expect(ids(arrange(runs, filter, newestFirst, null))).toBe(expected));
});

describe("the order", () => {
  test("names sort as people count", () =>
    expect(ids(arrange([run("t10"), run("t9")], "", { by: "name", down: false }, null))).toBe("t9 t10"));

  test("runs without the value come last in both directions", () => {
    const runs = [run("none"), run("nan", { summary: { r: "NaN" } }), run("low", { summary: { r: 1 } }),
      run("high", { summary: { r: "Infinity" } })];
    expect(ids(arrange(runs, "", { by: "value", down: true }, "r")).startsWith("high low")).toBe(true);
    expect(ids(arrange(runs, "", { by: "value", down: false }, "r")).startsWith("low high")).toBe(true);
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
