import { expect, test } from "vitest";
import type { Run } from "../server/types";
import { conditionText, joined } from "./condition";
import { csvOf } from "./csv";
import { renamed, tagged } from "./rename";

const run = (id: string, more: Partial<Run> = {}) =>
  ({ id, name: id, tags: [], config: {}, summary: {}, ...more }) as unknown as Run;

test("names are made of a pattern; one that stays is left out", () => {
  const runs = [run("a", { config: { lr: 0.1, net: { width: 64 } } }), run("b-2")];
  expect(renamed(runs, "{name}-{n}-{lr}-{config.net.width}")[0]!.facts.name).toBe("a-1-0.1-64");
  expect(renamed(runs, "{name}")).toEqual([]);
});

test("a tag is put on those without it", () => {
  const runs = [run("a", { tags: ["x"] }), run("b")];
  expect(tagged(runs, "x", true)).toEqual([{ run: "b", facts: { tags: ["x"] } }]);
  expect(tagged(runs, "x", false)).toEqual([{ run: "a", facts: { tags: [] } }]);
});

test.each([
  ["config.lr", "<", "1e-3", "config.lr < 1e-3"],
  ["name", "~", "^ppo (x)", 'name ~ "^ppo (x)"'],
  ["config.my key", "=", "or", '"config.my key" = "or"'],
  ["max(eval/return)", "exists", "", "exists(max(eval/return))"],
])("a condition on %s %s %s", (field, sign, value, text) => expect(conditionText(field, sign, value)).toBe(text));

test("conditions are joined, and an or stays together", () => {
  expect(joined("", "a = 1")).toBe("a = 1");
  expect(joined("a = 1 or b = 2", "c = 3")).toBe("(a = 1 or b = 2) and c = 3");
});

test("cells with commas and quotes come back from the file", () => {
  const runs = [run("a", { config: { note: 'x, "y"', lr: 0.1 } })];
  expect(csvOf(runs, ["id", "config.note", "config.lr", "config.none"], new Map())).toBe(
    'id,config.note,config.lr,config.none\r\na,"x, ""y""",0.1,\r\n',
  );
});
