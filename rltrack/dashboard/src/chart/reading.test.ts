import { expect, test } from "vitest";
import type { Line } from "./painter";
import { ordered, readingsAt, shortened } from "./reading";

function line(run: string, x: number[], y: number[]): Line {
  const [xs, ys] = [Float64Array.from(x), Float64Array.from(y)];
  const curve = { run, x: xs, y: ys, lo: ys, hi: ys, told: ys, nan: [], nanY: [], posInf: [], negInf: [] };
  return { id: run, run, name: run, colour: "", dash: [], curve, smoothed: null, band: false, stopped: false };
}

test("rows are sorted by value, NaN last", () => {
  const lines = [line("low", [0, 10], [1, 1]), line("nan", [0, 10], [NaN, NaN]), line("high", [0, 10], [5, 5])];
  expect(readingsAt(lines, 4, 1).map(({ run }) => run)).toEqual(["high", "low", "nan"]);
});

test("a run that stopped earlier says nothing about what came later", () =>
  expect(readingsAt([line("a", [0, 10], [1, 2])], 50, 1)).toEqual([]));

test("each run tells its own nearest point", () =>
  expect(readingsAt([line("a", [0, 10], [1, 2])], 7, 1)[0]!.value).toBe(2));

test("a long list is cut around the run that is pointed at", () => {
  const readings = readingsAt(Array.from({ length: 30 }, (_, i) => line(`r${i}`, [0], [30 - i])), 0, 1);
  const cut = shortened(readings, "r20", 5).map(({ run }) => run);
  expect(cut).toEqual(["r18", "r19", "r20", "r21", "r22"]);
  expect(shortened(readings, null, 5)).toHaveLength(5);
});

test("rows stand in the order that the reader chose; what is no number is last by value", () => {
  const row = (name: string, value: number) => ({ name, value, smoothed: null }) as unknown as Parameters<typeof ordered>[0][number];
  const rows = [row("b10", 3), row("b9", NaN), row("a", 1)];
  const names = (order: Parameters<typeof ordered>[1]) =>
    ordered(rows, order, ({ value }) => Math.abs(value - 1)).map(({ name }) => name).join(" ");
  expect(names("near")).toBe("a b10 b9");
  expect(names("down")).toBe("b10 a b9");
  expect(names("up")).toBe("a b10 b9");
  expect(names("name")).toBe("a b9 b10");
});

test("values are told by how much they differ from the baseline's", () => {
  const lines = [line("a", [0, 10], [1, 1]), { ...line("base", [0, 10], [3, 3]), base: true }];
  expect(readingsAt(lines, 4, 1).map(({ run, delta }) => [run, delta])).toEqual([["base", null], ["a", -2]]);
});
