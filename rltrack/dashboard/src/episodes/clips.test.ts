import { expect, test } from "vitest";
import type { Clip } from "../server/types";
import { clipOn, nearestClip, outcomeOf, secondsAt, timestepAt, tracksOf } from "./clips";

const clip = (global_step: number, back: number) => ({ key: "episode/video", global_step, step: 0, return: back }) as Clip;

test("the nearest clip by x, and of one x by its return", () => {
  const clips = [clip(10, 5), clip(100, 1), clip(100, 9)];
  expect(nearestClip(clips, 40)).toBe(clips[0]);
  expect(nearestClip(clips, 90, 8)).toBe(clips[2]);
  expect(nearestClip([], 1)).toBe(null);
});

test("a clip has a place on the axes that it knows of", () => {
  const clip = { step: 3, global_step: null, time: 1_000_010 } as Clip;
  const on = (axis: string) => clipOn(axis, 1_000_000)(clip);
  expect(["_step", "global_step", "_timestamp", "_runtime"].map(on)).toEqual([3, 3, 1_000_010, 10]);
  expect(on("loss")).toBeNaN();
  expect(nearestClip([clip], 5, null, clipOn("loss", 0))).toBe(null);
});

test("a frame leads to its timestep and back, also where frames were left out", () => {
  const trace = { timesteps: 6, frames: [0, 2, 4, 6] };
  expect([0, 0.1, 0.25, 0.3, 9].map((at) => timestepAt(trace, 10, at))).toEqual([0, 2, 4, 6, 6]);
  for (const frame of trace.frames) expect(timestepAt(trace, 10, secondsAt(trace, 10, frame))).toBe(frame);
});

test("vectors are drawn part by part, pictures not, and the return so far is added", () => {
  const tracks = tracksOf({
    timesteps: 2, frames: [],
    columns: { action: [[0.5, 1], [1, 2]], reward: [1, 2], obs: [[[0]], [[1]]], value: [null, 3], done: [false, true] },
  });
  expect(tracks.map(({ name }) => name)).toEqual(["reward", "return so far", "value", "action[0]", "action[1]", "done"]);
  expect(tracks[1]!.values).toEqual([1, 3]);
  expect(tracks[2]!.values[0]).toBeNaN();
  expect(tracks.map(({ stepped }) => stepped)).toEqual([true, false, false, false, true, true]);
});

test("a limit of time is no end of its own", () => {
  expect(outcomeOf({ terminated: true, truncated: false })).toBe("terminated");
  expect(outcomeOf({ truncated: true })).toBe("truncated");
  expect(outcomeOf({ truncated: false, success: true })).toBe("success");
  expect(outcomeOf({})).toBe(null);
});
