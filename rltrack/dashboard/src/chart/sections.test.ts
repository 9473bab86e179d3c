import { expect, test } from "vitest";
import { moved, NO_LAYOUT, withAdded, without, withPin } from "./layout";
import { matcher, prefixOf, sectionsOf as sectionsIn } from "./sections";

const sectionsOf = (metrics: Parameters<typeof sectionsIn>[0], filter: string, layout = NO_LAYOUT) => sectionsIn(metrics, filter, layout);
const shape = (sections: ReturnType<typeof sectionsIn>) =>
  sections.map(({ name, charts }) => `${name}: ${charts.map(({ id }) => id).join(" ")}`);
const metric = (key: string) => ({ key, x: "_step", run_count: 1 });

test("the returns stand first, the clock last", () => {
  const keys = ["time/fps", "aux/x", "train/loss", "rollout/ep_rew_mean", "loss", "train/kl"];
  expect(sectionsOf(keys.map(metric), "").map(({ name, charts }) => [name, charts.length])).toEqual([
    ["rollout", 1],
    ["", 1],
    ["train", 2],
    ["aux", 1],
    ["time", 1],
  ]);
});

test("the section is all before the last slash", () => {
  expect(prefixOf("gradients/actor/weight")).toBe("gradients/actor");
  expect(prefixOf("loss")).toBe("");
});

test("the filter is a pattern, or a part of the key", () => {
  expect(matcher("kl|entropy")("train/Entropy_loss")).toBe(true);
  expect(matcher("^train")("time/train")).toBe(false);
  expect(matcher("loss (")("a loss (b)")).toBe(true);
});

test("a section without matches is gone", () =>
  expect(sectionsOf([metric("a/x"), metric("b/y")], "x")).toHaveLength(1));

test("an x axis is no chart of its own, unless it is asked for", () => {
  const metrics = [{ key: "episode/return", x: "global_step", run_count: 1 }, metric("global_step")];
  expect(sectionsOf(metrics, "").map(({ name }) => name)).toEqual(["episode"]);
  expect(sectionsOf(metrics, "global").map(({ name }) => name)).toEqual([""]);
});

test.each([
  ["system.cpu", "system"],
  ["system.disk./.usageGB", "system.disk"],
  ["a/b/c", "a/b"],
])("%s is in %s", (key, section) => expect(prefixOf(key)).toBe(section));

test("what is hidden, or was taken away, is there for who searches for it", () => {
  const metrics = [{ ...metric("a/debug"), hidden: true }, metric("a/loss")];
  const layout = without(NO_LAYOUT, "a/loss");
  expect(shape(sectionsOf(metrics, "", layout))).toEqual([]);
  expect(shape(sectionsOf(metrics, "a/", layout))).toEqual(["a: a/debug a/loss"]);
});

test("a chart stands where it was dropped", () => {
  const metrics = ["a/1", "a/2", "a/3", "b/1"].map(metric);
  const layout = moved(moved(NO_LAYOUT, "a/3", "a", "a/1"), "b/1", "a", "a/2");
  expect(shape(sectionsOf(metrics, "", layout))).toEqual(["a: a/3 a/1 b/1 a/2"]);
});

test("a pinned search is a section before all others, and takes what it finds", () => {
  const metrics = ["train/kl", "train/loss", "eval/kl"].map(metric);
  expect(shape(sectionsOf(metrics, "", withPin(NO_LAYOUT, "kl$")))).toEqual(["kl$: train/kl eval/kl", "train: train/loss"]);
});

test("an added chart has the axis of the first metric that it draws", () => {
  const [layout] = withAdded(NO_LAYOUT, ["ema(a/1)", "a/1"], "a");
  const [section] = sectionsOf([{ ...metric("a/1"), x: "global_step" }], "", layout);
  expect(section!.charts.map(({ id, x, title }) => [id, x, title])).toEqual([
    ["a/1", "global_step", "a/1"],
    ["+1", "global_step", "ema(a/1), a/1"],
  ]);
});
