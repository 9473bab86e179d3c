import { describe, expect, test } from "vitest";
import type { Json, Run, SweepTrial } from "../server/types";
import { axisOf, meaning, meant, moved, nearest, ordered, place, surviving, ticksOf, VALUE, type Brush } from "./axes";
import { listed, useful } from "./important";
import { formatLooked, parseLooked } from "./looked";
import { bestOf, bestSoFar, rowsOfTrials, sorted, varied, type Row } from "./rows";
import { colourAt, goodness, scaleOf } from "./scale";
import { contour, surface } from "./surface";

function row(id: string, parameters: { [key: string]: Json }, value: number | null): Row {
  return { id, name: id, run: id, trial: null, state: "finished", parameters, value, startedAt: 0, seconds: null };
}

const rows = [
  row("a", { lr: 1e-4, algo: "ppo", same: 1 }, 3),
  row("b", { lr: 1e-2, algo: "sac", same: 1 }, 1),
  row("c", { lr: 1e-1, same: 1 }, null),
];

describe("rows", () => {
  const trial = { number: 0, run: "r", parameters: { a: 1 }, values: null, state: "running", started_at: 5, ended_at: null } as unknown as SweepTrial;
  const run = { id: "r", summary: { loss: 4, other: { last: 7 } } } as unknown as Run;

  test("a trial that runs is worth what it last logged, and one that ended what was written of it", () => {
    expect(rowsOfTrials([trial], [run], ["loss"], "loss")[0]!.value).toBe(4);
    expect(rowsOfTrials([{ ...trial, state: "finished", values: [3] }], [run], ["loss"], "loss")[0]!.value).toBe(3);
    expect(rowsOfTrials([{ ...trial, state: "stopped" }], [run], ["loss"], "loss")[0]!.value).toBeNull();
  });
  test("by another metric a trial is what its run says", () => {
    expect(rowsOfTrials([{ ...trial, state: "finished", values: [3] }], [run], ["loss"], "other")[0]!.value).toBe(7);
    expect(rowsOfTrials([{ ...trial, state: "failed" }], [run], ["loss"], "other")[0]!.value).toBeNull();
  });
  test("only what differs is a parameter; one that some lack differs", () => {
    expect(varied(rows)).toEqual(["algo", "lr"]);
  });
  test("the best so far goes one way only", () => {
    const worth = [3, 5, null, 1, 2].map((value, i) => row(String(i), {}, value));
    expect(bestSoFar(worth, "minimize").map(({ at, best }) => [at, best])).toEqual([[0, 3], [1, 3], [3, 1], [4, 1]]);
    expect(bestSoFar(worth, "maximize").map(({ best }) => best)).toEqual([3, 5, 5, 5]);
    expect(bestOf(worth, "minimize")!.id).toBe("3");
  });
  test("rows without a value are last in either order", () => {
    expect(sorted(rows, { by: "value", down: false }).map(({ id }) => id)).toEqual(["b", "a", "c"]);
    expect(sorted(rows, { by: "value", down: true }).map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(sorted(rows, { by: "algo", down: true }).map(({ id }) => id)).toEqual(["b", "a", "c"]);
  });
});

describe("axes", () => {
  test("magnitudes have a log axis by themselves, until somebody says otherwise", () => {
    const axis = axisOf("lr", rows, null);
    expect(axis.log).toBe(true);
    expect(place(axis, rows[1]!)).toBeCloseTo(2 / 3);
    expect(axisOf("lr", rows, false).log).toBe(false);
    expect(ticksOf(axis, 6).map(({ label }) => label)).toEqual(["1e-4", "0.001", "0.01", "0.1"]);
  });
  test("names have a place each, and a row that lacks one has none", () => {
    const axis = axisOf("algo", rows, null);
    expect(rows.map((one) => place(axis, one))).toEqual([0.25, 0.75, null]);
  });
  test("numbers among names are names", () => {
    expect(axisOf("x", [row("a", { x: 1 }, 0), row("b", { x: "auto" }, 0)], null).categories).toEqual(["1", "auto"]);
  });
  test("an axis of one value, or of none, has a height", () => {
    expect(place(axisOf("same", rows, null), rows[0]!)).toBeCloseTo(0.5);
    expect(axisOf("no", rows, null)).toMatchObject({ low: 0, high: 1 });
  });
  test("brushes are joined by and", () => {
    const axes = ["lr", "algo", VALUE].map((key) => axisOf(key, rows, null));
    const kept = (brushes: [string, Brush][]) => surviving(rows, axes, new Map(brushes)).map(({ id }) => id);
    expect(kept([])).toEqual(["a", "b", "c"]);
    expect(kept([["lr", [0.5, 1]]])).toEqual(["b", "c"]);
    expect(kept([["lr", [0.5, 1]], [VALUE, [0, 1]]])).toEqual(["b"]);
    expect(kept([["lr", [0.5, 1]], ["algo", [0, 0.5]]])).toEqual([]);
  });
  test("a brush means numbers and names, so it stays where it was when an axis grows", () => {
    const small = axisOf("lr", rows, null);
    const text = meaning(small, [1 / 3, 2 / 3]);
    expect(text).toBe("0.001:0.01");
    const grown = axisOf("lr", [...rows, row("d", { lr: 10 }, 2)], null);
    const [low, high] = meant(grown, text)!;
    expect([low, high].map((one) => Number(one.toFixed(3)))).toEqual([0.2, 0.4]);
    const names = axisOf("algo", rows, null);
    expect(meant(names, meaning(names, [0.5, 1]))).toEqual([0.5, 1]);
    expect(meant(names, '["gone"]')![0]).toBeGreaterThan(1);
    expect(meant(small, "nonsense")).toBeNull();
  });
  test("an axis is moved, and new ones come before the value", () => {
    expect(moved(["a", "b", "c"], "a", 2)).toEqual(["b", "c", "a"]);
    expect(ordered(["a", "b", VALUE], ["b", "a", VALUE])).toEqual(["b", "a", VALUE]);
    expect(ordered(["a", "b", "new", VALUE], ["b", "a", VALUE])).toEqual(["b", "a", "new", VALUE]);
    expect(ordered(["a", "b", VALUE], [VALUE, "b"])).toEqual([VALUE, "b", "a"]);
  });
  test("the nearest line is found between two axes, and none where none is near", () => {
    const places: [Float64Array, Float64Array] = [Float64Array.of(0, 100, NaN), Float64Array.of(100, 100, 0)];
    expect(nearest(places, 0.5, 52, false, 10)).toBe(0);
    expect(nearest(places, 0.5, 97, false, 10)).toBe(1);
    expect(nearest(places, 0.5, 75, false, 10)).toBeNull();
    expect(nearest(places, 0.25, 15.6, true, 1)).toBe(0);
  });
});

test("the look comes back from the URL", () => {
  const looked = {
    metric: "eval/return", goal: "maximize", order: ["b,1", "a", VALUE], shown: ["a", "b,1"], logs: { a: true, "b,1": false },
    brushes: { a: "1:2", [VALUE]: "0:1" }, curved: true, sort: { by: "value", down: false }, slice: "a", plane: ["a", "b,1"],
    method: "fanova", tab: "charts",
  } as const;
  expect(parseLooked(formatLooked(looked as never))).toEqual(looked);
  const plain = parseLooked({});
  expect(Object.values(formatLooked(plain)).filter(Boolean)).toEqual([]);
});

test("an outlier takes no colour from the others, and the best end is whole", () => {
  const many = Array.from({ length: 100 }, (_, i) => row(String(i), {}, i === 99 ? 1e9 : i));
  const scale = scaleOf(many, "minimize")!;
  expect(scale).toEqual({ low: 0, high: 94, goal: "minimize" });
  expect([goodness(scale, 0), goodness(scale, 94), goodness(scale, 1e9)]).toEqual([1, 0, 0]);
  expect(colourAt(1, false)).toBe("rgb(106,27,143)");
});

test("a surface is near its trials, and nothing is said where none is", () => {
  const spots = [{ x: 0.1, y: 0.1, value: 0 }, { x: 0.2, y: 0.1, value: 0 }, { x: 0.1, y: 0.2, value: 10 }, { x: 0.2, y: 0.2, value: 10 }];
  const grid = surface(spots, 20);
  expect(grid[0]).toBeLessThan(grid[5 * 20]!);
  expect(grid[19 * 20 + 19]).toBeNaN();
  expect(contour(Float64Array.of(0, 0, 10, 10), 2, 5)).toEqual([[0.75, 0.5, 0.25, 0.5]]);
});

describe("importance", () => {
  const found = [["lr", 0.6, -0.9], ["batch", 0.32, 0.1], ["seed", 0.08, null]].map(
    ([name, importance, correlation]) => ({ name, importance, correlation }) as { name: string; importance: number; correlation: number | null },
  );

  test("the fewest that explain nine tenths are kept", () => expect(useful(found)).toEqual(["lr", "batch"]));
  test("a correlation counts by its size", () => {
    expect(listed(found, "correlation", false).map(({ name }) => name)).toEqual(["lr", "batch", "seed"]);
    expect(listed(found, "name", true).map(({ name }) => name)).toEqual(["seed", "lr", "batch"]);
  });
});
