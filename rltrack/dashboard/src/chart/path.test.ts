import { expect, test } from "vitest";
import { DashedPath, traceBand, traceLine } from "./path";

function recorder() {
  const calls: string[] = [];
  return {
    calls,
    moveTo: (x: number, y: number) => calls.push(`M${x},${y}`),
    lineTo: (x: number, y: number) => calls.push(`L${x},${y}`),
    closePath: () => calls.push("Z"),
  };
}

const same = (value: number) => value;
const at = (...values: number[]) => Float64Array.from(values);

test("a NaN breaks the line and is never bridged", () => {
  const sink = recorder();
  traceLine(sink, at(0, 1, 2, 3, 4), at(1, 2, NaN, 3, 4), same, same);
  expect(sink.calls).toEqual(["M0,1", "L1,2", "M3,3", "L4,4"]);
});

test("a point between two breaks is reported, as no line shows it", () => {
  expect(traceLine(recorder(), at(0, 1, 2), at(NaN, 5, NaN), same, same)).toEqual([[1, 5]]);
  expect(traceLine(recorder(), at(7), at(5), same, same)).toEqual([[7, 5]]);
});

test("what the scale cannot show breaks the line, too", () => {
  const sink = recorder();
  traceLine(sink, at(0, 1, 2), at(10, -1, 10), same, Math.log10);
  expect(sink.calls).toEqual(["M0,1", "M2,1"]);
});

test("a band goes out on its upper edge and back on its lower one", () => {
  const sink = recorder();
  traceBand(sink, at(0, 1), at(1, 2), at(3, 4), same, same);
  expect(sink.calls).toEqual(["M0,3", "L1,4", "L1,2", "L0,1", "Z"]);
});

test("a band breaks where the data does", () => {
  const sink = recorder();
  traceBand(sink, at(0, 1, 2, 3, 4), at(0, 0, NaN, 0, 0), at(1, 1, NaN, 1, 1), same, same);
  expect(sink.calls.filter((call) => call === "Z")).toHaveLength(2);
});

test("a line with a point on every pixel is dashed by its place", () => {
  const calls: string[] = [];
  const sink = { moveTo: (x: number) => calls.push(`M${x}`), lineTo: (x: number) => calls.push(`L${x}`), closePath: () => {} };
  const xs = Float64Array.from({ length: 12 }, (_, i) => i);
  traceLine(new DashedPath(sink, [3, 2]), xs, xs, (x) => x, (y) => y * 1000);
  expect(calls.join(" ")).toBe("M0 L1 L2 M5 L6 L7 M10 L11");
});
