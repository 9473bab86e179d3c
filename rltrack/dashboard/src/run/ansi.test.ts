import { expect, test } from "vitest";
import { plainText, spansOf } from "./ansi";

test("colours and weights hold until they are set back", () => {
  const spans = spansOf("a \x1b[1;31mred\x1b[0m b\x1b[38;5;208mo\x1b[38;2;1;2;3mrgb");
  expect(spans.map(({ text, colour, bold }) => [text, colour, bold])).toEqual([
    ["a ", null, false],
    ["red", 1, true],
    [" b", null, false],
    ["o", "rgb(255 135 0)", false],
    ["rgb", "rgb(1 2 3)", false],
  ]);
});

test("what is no colour is left out, and never shown", () => {
  expect(plainText("\x1b]0;title\x07x\x1b[2Ky\x1b[?25l")).toBe("xy");
  expect(spansOf("\x1b[2Kx").map(({ text }) => text)).toEqual(["x"]);
});
