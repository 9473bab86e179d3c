import { expect, test } from "vitest";
import { formatLayout, moved, NO_LAYOUT, parseLayout, withAdded, without, withPanel, withPin } from "./layout";

test("a page that nobody changed has nothing in its link", () => {
  expect(formatLayout(NO_LAYOUT)).toBe("");
  expect(parseLayout("")).toEqual(NO_LAYOUT);
});

test("every change comes back from the link", () => {
  let layout = withPanel(NO_LAYOUT, "loss", { logY: true, wide: 2, smoothKind: "gauss", title: "Löss, \"all\"" });
  let id: string;
  [layout, id] = withAdded(layout, ["train/loss", "ema(eval/loss)"], "eval");
  layout = withPanel(layout, id, { right: ["ema(eval/loss)"] });
  layout = without(withPin(moved(layout, "loss", "eval", id), "kl|entropy"), "time/fps");
  expect(parseLayout(formatLayout(layout))).toEqual(layout);
  expect(layout.removed).toEqual(["time/fps"]);
});

test("a chart as all others are leaves no trace", () =>
  expect(formatLayout(withPanel(withPanel(NO_LAYOUT, "a", { wide: 2 }), "a", { wide: undefined }))).toBe(""));

test("an added chart that is taken away is gone, an automatic one is remembered", () => {
  const [layout, id] = withAdded(NO_LAYOUT, ["a"], "");
  expect(without(layout, id)).toEqual(NO_LAYOUT);
  expect(without(NO_LAYOUT, "a").removed).toEqual(["a"]);
});

test("what was dragged twice is where it was dragged last", () =>
  expect(moved(moved(NO_LAYOUT, "a", "x", null), "a", "y", "b").places).toEqual([{ id: "a", section: "y", before: "b" }]));

test.each(["{", "7", '{"panels":7,"pins":[7,["a"]],"places":[["a",1]],"removed":[1]}'])("a broken link (%s) still opens", (text) =>
  expect(parseLayout(text)).toEqual(NO_LAYOUT));

test("a size out of bounds is put inside", () =>
  expect(parseLayout('{"panels":{"a":{"wide":99,"tall":0,"smoothing":"x","smoothKind":"y"}}}').panels.a).toEqual({ wide: 4, tall: 1 }));
