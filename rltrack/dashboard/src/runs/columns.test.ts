import { expect, test } from "vitest";
import { columnWindow, defaultColumns, moved } from "./columns";

const column = (field: string, pinned = false) => ({ field, width: null, pinned });

test("only columns on screen are drawn, and the rest keep their room", () => {
  const widths = Array.from({ length: 60 }, () => 100);
  const { first, end, before, after } = columnWindow(widths, 2000, 500, 0);
  expect([first, end]).toEqual([19, 25]);
  expect(before + (end - first) * 100 + after).toBe(6000);
});

test("a column goes before another, and is pinned where it lands among the pinned", () => {
  const columns = [column("a", true), column("b"), column("c")];
  expect(moved(columns, "c", "b").map(({ field }) => field)).toEqual(["a", "c", "b"]);
  expect(moved(columns, "c", "a")[0]).toEqual({ field: "c", width: null, pinned: true });
  expect(moved(columns, "a", null).at(-1)!.field).toBe("a");
});

test("the columns that say most come first", () => {
  const fields = defaultColumns(["train/loss", "rollout/ep_rew_mean"], ["config.lr"]).map(({ field }) => field);
  expect(fields).toEqual(["summary.rollout/ep_rew_mean", "config.lr", "created_at", "duration"]);
});
