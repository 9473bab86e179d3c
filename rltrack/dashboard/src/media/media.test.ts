import { describe, expect, test } from "vitest";
import type { MediaItem, RunMedia } from "../server/types";
import { drifted, frameAt, timeOf } from "./frames";
import { heatPixels, ridgesOf } from "./histogram";
import { ticksOf } from "./histogramAxes";
import { ALL_SHOWN, boxesOf, classColour, labelsOf, paintMask } from "./overlays";
import { placedSections } from "./packing";
import { sectionsOf } from "./panels";
import { clock, peaksOf } from "./peaks";
import { entriesOf, entryAt, moved, stepsOf } from "./steps";
import { fitted, zoomedAt } from "./zoom";

function item(key: string, step: number, more: Partial<MediaItem> = {}): MediaItem {
  return {
    key, step, kind: "images", global_step: null, time: 0, url: `/${key}/${step}`, state: "ready", error: null,
    caption: null, fps: null, width: null, height: null, frames: null, bytes: null, ...more,
  };
}

describe("one step for all media", () => {
  const entries = entriesOf([item("a", 10), item("a", 0), item("a", 10), item("a", 30, { global_step: 300 })]);

  test("items of one step stand together, in order of steps, by timesteps where there are some", () => {
    expect(entries.map(({ at, items }) => [at, items.length])).toEqual([[0, 1], [10, 2], [300, 1]]);
  });

  test("at a step the last that was there is shown, before the first the first, and else the latest", () => {
    const at = (step: number | null) => entryAt(entries, step)?.at;
    expect([at(-1), at(0), at(9), at(10), at(299), at(null)]).toEqual([0, 0, 0, 10, 10, 300]);
    expect(entryAt([], null)).toBeNull();
  });

  test("moving to the end follows what comes next", () => {
    const steps = stepsOf([entries, [{ at: 20, items: [] }]]);
    expect(steps).toEqual([0, 10, 20, 300]);
    expect(moved(steps, null, -1)).toBe(20);
    expect(moved(steps, 20, 1)).toBeNull();
    expect(moved(steps, 15, -5)).toBe(0);
  });
});

describe("panels", () => {
  const runs: RunMedia[] = [
    { run: "a", media: [item("eval/video", 1, { kind: "videos" }), item("x", 1)], histograms: ["h"] },
    { run: "b", media: [item("eval/video", 2, { kind: "videos" })], histograms: [] },
  ];

  test("one name is one panel of all runs, under the heading of its kind", () => {
    const found = sectionsOf(runs, null).map(({ kind, panels }) => [kind, panels.map(({ key, entries }) => [key, [...entries.keys()]])]);
    expect(found).toEqual([["videos", [["eval/video", ["a", "b"]]]], ["images", [["x", ["a"]]]], ["histograms", [["h", ["a"]]]]]);
  });

  test("a filter that is no regular expression is part of a name", () => {
    expect(sectionsOf(runs, null, "^eval").length).toBe(1);
    expect(sectionsOf(runs, null, "(").length).toBe(0);
  });

  test("a chart is a plot, and its table a table where that was asked for", () => {
    const chart = { preset: "p", fields: {}, strings: {}, spec: null, overlay: null };
    const kinds = (split_table: boolean) =>
      sectionsOf([{ run: "a", media: [item("c", 0, { kind: "table", chart: { ...chart, split_table } })], histograms: [] }], null)
        .map(({ kind }) => kind);
    expect([kinds(false), kinds(true)]).toEqual([["plots"], ["plots", "tables"]]);
  });
});

describe("the room of panels", () => {
  const runs: RunMedia[] = ["a", "b"].map((run) => ({
    run,
    media: [item("v", 1, { kind: "videos" }), item("i", 1), item("t", 1, { kind: "table" }), item("w", 1, { kind: "audio" })],
    histograms: ["h"],
  }));

  test("small sections share a row, every row is full, and tables have all of it", () => {
    const placed = placedSections(sectionsOf(runs, null), 4, () => false);
    expect(placed.map(({ kind, span }) => [kind, span])).toEqual([["videos", 2], ["images", 1], ["audio", 1], ["histograms", 4], ["tables", 4]]);
    const narrow = placedSections(sectionsOf(runs, null), 1, () => false);
    expect(narrow.map(({ span }) => span)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe("overlays", () => {
  const picture = item("p", 0, {
    width: 100, height: 50, classes: { "1": "cat" },
    boxes: {
      found: {
        box_data: [
          { position: { minX: 10, maxX: 30, minY: 5, maxY: 15 }, domain: "pixel", class_id: 1, scores: { sure: 0.9 } },
          { position: { minX: 0, maxX: 0.5, minY: 0, maxY: 1 }, class_id: 7, scores: { sure: 0.2 } },
        ],
        class_labels: { "7": "dog" },
      },
    },
    masks: { ground: { url: "/m" } },
  });

  test("all that can be switched is found, with the names of classes", () => {
    expect(labelsOf([picture])).toEqual({
      layers: ["box:found", "mask:ground"],
      classes: [{ id: "1", name: "cat" }, { id: "7", name: "dog" }],
      scores: [0.2, 0.9],
    });
  });

  test("pixels become parts of the size, and what is switched off is not drawn", () => {
    const [first, second] = boxesOf(picture, ALL_SHOWN);
    expect(first).toEqual({ left: 0.1, top: 0.1, width: 0.2, height: 0.2, colour: classColour(1), label: "cat 0.90" });
    expect(second!.label).toBe("dog 0.20");
    expect(boxesOf(picture, { ...ALL_SHOWN, leastScore: 0.5 })).toHaveLength(1);
    expect(boxesOf(picture, { ...ALL_SHOWN, classesOff: ["1", "7"] })).toHaveLength(0);
    expect(boxesOf(picture, { ...ALL_SHOWN, off: ["box:found"] })).toHaveLength(0);
  });

  test("a mask is painted by class, and its background is seen through", () => {
    const pixels = new Uint8ClampedArray([0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2, 255]);
    paintMask(pixels, { ...ALL_SHOWN, classesOff: ["2"] }, new Set(["1"]));
    expect([pixels[3], pixels[7], pixels[11]]).toEqual([0, 128, 0]);
  });
});

describe("videos and sounds", () => {
  test("each frame has a moment that shows it", () => {
    for (const fps of [24, 29.97, 50]) for (const frame of [0, 1, 77]) expect(frameAt(timeOf(frame, fps), fps, 100)).toBe(frame);
    expect(frameAt(99, 30, 10)).toBe(9);
  });

  test("a follower is moved when it is frames away, and left at its end", () => {
    expect(drifted(1, 1.05, 5, 30)).toBe(false);
    expect(drifted(1, 1.5, 5, 30)).toBe(true);
    expect(drifted(9, 5, 5, 30)).toBe(false);
  });

  test("a waveform has the extremes of every piece", () => {
    const { low, high } = peaksOf(new Float32Array([0, 1, -1, 0.5, 0, 0.25]), 3);
    expect([[...low], [...high]]).toEqual([[0, -1, 0], [1, 0.5, 0.25]]);
    expect(clock(64.25)).toBe("1:04.2");
  });
});

describe("histograms over time", () => {
  test("columns count by their share, and a gap stays empty", () => {
    const pixels = heatPixels([[4, 0], null, [40, 0]], 2, 1, false);
    const at = (x: number, y: number) => [...pixels.slice((y * 3 + x) * 4, (y * 3 + x) * 4 + 4)];
    expect(at(0, 1)).toEqual(at(2, 1)); // the lower bin is below
    expect(at(0, 0)).toEqual([255, 255, 255, 255]);
    expect(at(1, 0)[3]).toBe(0);
  });

  test("ridges are the first and last and some between", () => {
    const columns = Array.from({ length: 100 }, (_, i) => (i % 2 ? null : [1, 3]));
    const ridges = ridgesOf(columns, 5);
    expect(ridges.map(({ column }) => column)).toEqual([0, 24, 50, 74, 98]);
    expect(ridges.at(-1)!.base).toBe(1);
    expect(ridges[0]!.heights[1]).toBeCloseTo(0.24);
  });

  test("ticks are round", () => {
    expect(ticksOf(-1.2, 1.3, 4)).toEqual([-1, 0, 1]);
    expect(ticksOf(0, 10, 4)).toEqual([0, 5, 10]);
  });
});

test("zooming keeps the point under the pointer", () => {
  const zoom = fitted(100, 50, 400, 400);
  expect(zoom).toEqual({ scale: 4, x: 0, y: 100 });
  const closer = zoomedAt(zoom, 2, 120, 180, 4);
  expect((120 - closer.x) / closer.scale).toBeCloseTo((120 - zoom.x) / zoom.scale);
  expect((180 - closer.y) / closer.scale).toBeCloseTo((180 - zoom.y) / zoom.scale);
});
