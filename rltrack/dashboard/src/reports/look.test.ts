import { expect, test } from "vitest";
import { DEFAULT_VIEW } from "../state/url";
import { lookOfChart } from "./look";

const own = { x: "global_step", logX: false, logY: true, smoothing: 0.6, smoothKind: "ema" as const, outliers: true };

test("on a project's page a chart is of the runs that the page chooses, whichever they will be", () => {
  const view = { ...DEFAULT_VIEW, runFilter: "ppo", group: ["but:seed"], list: "wide" as const, panel: "loss" };
  expect(lookOfChart({ page: "project", project: "p" }, view, own, ["a"])).toBe("q=ppo&x=global_step&y=log&smooth=0.6&group=but%3Aseed");
});

test("elsewhere it is of those that are drawn", () => {
  expect(lookOfChart({ page: "run", project: "p", run: "a" }, DEFAULT_VIEW, { ...own, logY: false, smoothing: 0 }, ["a", "a"])).toBe("x=global_step&runs=none&on=a");
});
