import { expect, test } from "vitest";
import type { TableAnswer } from "../server/types";
import { drawable, objectsOf } from "./spec";

const LOOK = {
  width: 300, height: 200, ink: "#111", muted: "#777", line: "#eee", accent: "#00f",
  runs: [{ name: "a", colour: "#f00" }, { name: "b", colour: "#0f0" }],
};

test("rows are objects, runs have their names, and what is no number is missing", () => {
  const answer = {
    columns: [{ name: "run", type: "text" }, { name: "x", type: "float" }, { name: "s", type: "text" }],
    rows: [["r0", "NaN", "NaN"], ["r1", 1, null]],
  } as unknown as TableAnswer;
  expect(objectsOf(answer, new Map([["r0", "ppo"]]))).toEqual([
    { run: "ppo", x: null, s: "NaN" }, { run: "r1", x: 1, s: null },
  ]);
});

test("a chart takes the panel's size, and runs their own colours", () => {
  const made = drawable(
    { $schema: "x", width: "container", height: "container", mark: "line", encoding: { color: { field: "run", type: "nominal" } } }, LOOK,
  );
  expect(made).toMatchObject({ width: 300, height: 200, autosize: { type: "fit" } });
  expect(made.encoding).toMatchObject({ color: { scale: { domain: ["a", "b"], range: ["#f00", "#0f0"] } } });
  expect(made).not.toHaveProperty("$schema");
});

test("charts beside each other share the panel, and a size of their own is kept", () => {
  const facet = drawable({ facet: { field: "run" }, columns: 2, spec: { mark: "rect" } }, LOOK);
  expect(facet.spec).toMatchObject({ mark: "rect", width: 80, height: 100 });
  expect(drawable({ mark: "bar", width: 50, height: 40 }, LOOK)).toMatchObject({ width: 50, height: 40 });
});
