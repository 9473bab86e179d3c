import { describe, expect, test } from "vitest";
import { placed } from "./layout";
import { above, modelOf, openAtFirst, shapeText, shownOf, totalFlops } from "./modules";

const names = ["", "body", "body.conv", "body.relu", "head", "head.0", "add_1"];
const model = modelOf({
  nodes: names.map((name) => ({ name, kind: "Layer", parameters: 1, flops: name.includes(".") ? 10 : null, outputs: [[2, 3]] })),
  edges: [["body.conv", "body.relu"], ["body.relu", "add_1"], ["add_1", "head.0"], ["body.conv", "head.0"]],
})!;

describe("a model", () => {
  test("is a tree by the names of its modules", () => {
    expect(Object.fromEntries(model.inside)).toEqual({
      "": ["body", "head", "add_1"], body: ["body.conv", "body.relu"], head: ["head.0"],
    });
    expect(above("body.conv", model.layers)).toEqual(["body"]);
    expect(totalFlops(model)).toBe(30);
  });

  test("that is closed has edges between modules, each once", () => {
    const shown = shownOf(model, new Set());
    expect(shown.boxes).toEqual(["body", "head", "add_1"]);
    expect(shown.edges).toEqual([["body", "add_1"], ["add_1", "head"], ["body", "head"]]);
  });

  test("opens from the outside in until there are enough boxes", () => {
    expect([...openAtFirst(model, 100)]).toEqual(["body", "head"]);
    expect([...openAtFirst(model, 4)]).toEqual(["head"]);
    const shown = shownOf(model, new Set(["body"]));
    expect(shown.boxes).toEqual(["body.conv", "body.relu", "head", "add_1"]);
    expect(shown.frames).toEqual(["body"]);
  });

  test("that is nothing of the kind is none", () => {
    expect(modelOf("x")).toBeNull();
    expect(modelOf({ nodes: 3 })).toBeNull();
    expect(shapeText([[2, 64], [null, 3]])).toBe("2 × 64, ? × 3");
  });
});

test("boxes stand within the frame of their module, and nothing overlaps", () => {
  const shown = shownOf(model, new Set(["body", "head"]));
  const { boxes, edges } = placed(shown);
  const frame = boxes.get("body")!;
  for (const name of ["body.conv", "body.relu"]) {
    const box = boxes.get(name)!;
    expect(Math.abs(box.x - frame.x) + box.width / 2).toBeLessThanOrEqual(frame.width / 2);
    expect(Math.abs(box.y - frame.y) + box.height / 2).toBeLessThanOrEqual(frame.height / 2);
  }
  expect(edges).toHaveLength(4);
  expect(edges.every(({ points }) => points.length > 1)).toBe(true);
});
