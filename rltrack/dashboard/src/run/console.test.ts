import { expect, test } from "vitest";
import { Console } from "./console";

const answer = (writer: string, first: number, ...texts: string[]) => ({
  writers: [writer], left_out: 0, number: texts.map((_, i) => first + i), text: texts,
  time: texts.map((_, i) => first + i), writer: texts.map(() => 0), error: texts.map(() => false),
});

test("a line that changes takes its own place, and new ones follow", () => {
  const log = new Console();
  log.take(answer("w", 0, "one", "10 %"));
  expect(log.take(answer("w", 1, "50 %", "two"))).toBe(true);
  expect(log.lines("w").map(({ text }) => text)).toEqual(["one", "50 %", "two"]);
  expect(log.take(answer("w", 2, "two"))).toBe(false);
  expect(log.after).toEqual({ w: 0 });
});

test("several processes are read by time or alone", () => {
  const log = new Console();
  log.take(answer("a", 0, "a0", "a1"));
  log.take({ ...answer("b", 0, "b0"), time: [0.5] });
  expect(log.lines(null).map(({ text }) => text)).toEqual(["a0", "b0", "a1"]);
  expect(log.lines("b").map(({ text }) => text)).toEqual(["b0"]);
});
