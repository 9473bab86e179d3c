import { expect, test } from "vitest";
import { folded, sidesOf } from "./sides";
import { languageOf } from "./language";

test("lines stand beside what they became, each with its own number", () => {
  const rows = sidesOf("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n");
  expect(rows.map(({ kind, before, after }) => [kind, before?.number, after?.number])).toEqual([
    ["same", 1, 1],
    ["changed", 2, 2],
    ["same", 3, 3],
    ["same", 4, 4],
    ["added", undefined, 5],
  ]);
  expect(sidesOf("", "x").map(({ kind }) => kind)).toEqual(["added"]);
});

test("what is equal far from a change is folded, and nothing is lost", () => {
  const text = (line: string) => Array.from({ length: 40 }, (_, i) => (i === 20 ? line : `${i}`)).join("\n");
  const found = folded(sidesOf(text("x"), text("y")), 3);
  expect(found.map((row) => (row.kind === "fold" ? row.rows.length : 1)).reduce((a, b) => a + b)).toBe(40);
  expect(found.filter(({ kind }) => kind === "fold")).toHaveLength(2);
});

test("a language is known by the ending", () => {
  expect([languageOf("a/train.py"), languageOf("x.YML"), languageOf("Makefile"), languageOf("a.bin")]).toEqual([
    "python", "yaml", "makefile", null,
  ]);
});
