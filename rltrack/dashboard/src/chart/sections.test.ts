import { expect, test } from "vitest";
import { matcher, prefixOf, sectionsOf } from "./sections";

const metric = (key: string) => ({ key, x: "_step", run_count: 1 });

test("the returns stand first, the clock last", () => {
  const keys = ["time/fps", "aux/x", "train/loss", "rollout/ep_rew_mean", "loss", "train/kl"];
  expect(sectionsOf(keys.map(metric), "").map(({ name, metrics }) => [name, metrics.length])).toEqual([
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
