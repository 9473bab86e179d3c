import { expect, test } from "vitest";
import { packed } from "./packing";

const section = (name: string, count: number) => ({
  name,
  charts: Array.from({ length: count }, (_, i) => ({ id: `${name}/${i}`, title: "", keys: [], x: "_step", setup: {} })),
});
const shape = (sections: [string, number][], columns: number, folded: string[] = []) =>
  packed(sections.map(([name, count]) => section(name, count)), columns, (name) => folded.includes(name))
    .map(({ name, span }) => `${name}${span}`)
    .join(" ");

test("small sections share a row", () => expect(shape([["rollout", 2], ["eval", 1], ["train", 7]], 3)).toBe("rollout2 eval1 train3"));

test("a later small section fills a row that a large one would leave open", () =>
  expect(shape([["loss", 1], ["train", 7], ["time", 1], ["system", 1]], 3)).toBe("loss1 time1 system1 train3"));

test("what stays open is shared out", () => {
  expect(shape([["a", 1], ["b", 1]], 3)).toBe("a2 b1");
  expect(shape([["a", 1], ["b", 1]], 4)).toBe("a2 b2");
});

test("on one column the order is as it was", () => expect(shape([["a", 4], ["b", 1]], 1)).toBe("a1 b1"));

test("a folded section has a row of its own", () => expect(shape([["a", 1], ["b", 1]], 3, ["a"])).toBe("a3 b3"));
