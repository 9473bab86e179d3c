import { expect, test } from "vitest";
import type { Run } from "../server/types";
import { requestsOf, withMetric } from "./requests";
import { traceOfGroup, traceOfRun } from "./traces";

const run = (id: string, metrics = ["a"]) => ({ id, name: id, slot: 0, state: "finished", metrics, summary: {} }) as unknown as Run;
const wanted = {
  keys: ["a"], x: "auto", logX: false, stream: "default" as const, buckets: 400, range: null,
  band: { centre: "mean" as const, spread: "std" as const, members: false },
};

test("many runs are asked for a hundred at a time", () => {
  const traces = Array.from({ length: 250 }, (_, i) => traceOfRun(run(String(i))));
  const asked = [...requestsOf(traces, wanted).values()];
  expect(asked.map(({ runs }) => runs.length)).toEqual([100, 100, 50]);
  expect(asked[2]!.runs[0]).toBe("200");
});

test("groups are asked for in one, with their runs", () => {
  const [asked] = requestsOf([traceOfGroup("g", "g", 0, [run("1"), run("2")])], wanted).values();
  expect(asked).toMatchObject({ runs: ["1", "2"], groups: { g: ["1", "2"] }, centre: "mean" });
});

test("a bootstrap is asked for in fewer buckets", () => {
  const band = { ...wanted.band, spread: "bootstrap" as const };
  const [asked] = requestsOf([traceOfGroup("g", "g", 0, [run("1")])], { ...wanted, band }).values();
  expect(asked!.buckets).toBe(200);
});

test("only runs that have the metric are asked; of an expression, the server knows", () => {
  const traces = [traceOfRun(run("1")), traceOfRun(run("2", ["b"]))];
  expect(withMetric(traces, "a").map(({ id }) => id)).toEqual(["1"]);
  expect(withMetric(traces, "a / b").map(({ id }) => id)).toEqual(["1", "2"]);
});
