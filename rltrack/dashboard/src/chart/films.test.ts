import { expect, test } from "vitest";
import type { Run } from "../server/types";
import { filmedRuns, isOfEpisodes } from "./films";
import type { Reading } from "./reading";
import { traceOfGroup, traceOfRun } from "./traces";

const run = (id: string, filmed: boolean) =>
  ({ id, name: id, state: "finished", summary: { loss: 1, text: "video", ...(filmed && { "episode/video": { _type: "video-file", path: "v.mp4" } }) } }) as unknown as Run;
const reading = (id: string) => ({ run: id }) as Reading;

test("runs with films, in the order of what is told; of a group its members", () => {
  const [a, b, c] = [run("a", true), run("b", false), run("c", true)];
  const readings = ["c", "b", "a", "gone"].map(reading);
  expect(filmedRuns(readings, [a, b, c].map((one) => traceOfRun(one)))).toEqual([c, a]);
  expect(filmedRuns([reading("g")], [traceOfGroup("g", "g", 0, [a, b, c])])).toEqual([a, c]);
});

test("losses are not of episodes", () => {
  expect(["rollout/ep_rew_mean", "episode/return", "eval/success_rate"].every(isOfEpisodes)).toBe(true);
  expect(isOfEpisodes("train/value_loss")).toBe(false);
});
