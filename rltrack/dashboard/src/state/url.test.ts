import { describe, expect, test } from "vitest";
import { NO_LAYOUT, withPin } from "../chart/layout";
import { DEFAULT_VIEW, formatView, parseRoute, parseView, projectPath, runPath, type View } from "./url";

describe("routes", () => {
  test.each([
    ["/", { page: "projects" }],
    ["/p/cartpole", { page: "project", project: "cartpole" }],
    ["/p/a%2Fb/", { page: "project", project: "a/b" }],
    ["/p/x/r/ab12", { page: "run", project: "x", run: "ab12" }],
    ["/q", { page: "unknown" }],
    ["/p/%E0%A4%A", { page: "unknown" }],
  ])("%s", (path, route) => expect(parseRoute(path)).toEqual(route));

  test("names with slashes and spaces come back", () =>
    expect(parseRoute(runPath("a/b c", "r?1"))).toEqual({ page: "run", project: "a/b c", run: "r?1" }));
});

describe("views", () => {
  test("the default view leaves the URL bare", () => {
    expect(formatView(DEFAULT_VIEW)).toBe("");
    expect(parseView("")).toEqual(DEFAULT_VIEW);
    expect(projectPath("x") + formatView(DEFAULT_VIEW)).toBe("/p/x");
  });

  test("everything that can be set comes back", () => {
    const view: View = {
      saved: "ab12",
      runFilter: "ppo lr=3e-4",
      metricFilter: "kl|entropy",
      x: "time/fps",
      logY: true,
      smoothing: 0.85,
      logX: true,
      smoothKind: "time",
      outliers: false,
      dash: ["config.algo"],
      facet: ["but:seed"],
      layout: withPin(NO_LAYOUT, "loss|kl"),
      zoom: { x: "global,step", low: -1.5, high: 2e6, y: { chart: "a,b", low: 0, high: 0.5 } },
      sort: [{ by: "max(eval/return)", down: true }, { by: "config.a,b", down: false }],
      columns: [
        { field: "config.lr", width: 90, pinned: true },
        { field: "max(a:b,c)", width: null, pinned: false },
      ],
      group: ["config.algo", "but:seed"],
      unfolded: ['["ppo"]'],
      band: { centre: "iqm", spread: "bootstrap", members: true },
      tints: { ab12: 7, '["a,b"]': 0 },
      selection: { base: "all", on: ["a"], off: ["b,~c", "d"] },
      foldedSections: ["train", "a,b"],
      hover: "line",
      baseline: "r1",
      list: "wide",
      listWidth: 520,
      panel: "train/loss",
      tab: "config",
      mediaStep: 2048,
      tables: { "eval/episodes": '{"sort":["-return"]}' },
      looked: { metric: "loss", brush: "lr=0.001:0.1" },
    };
    expect(parseView(formatView(view))).toEqual(view);
  });

  test.each(["smooth=abc", "smooth=7", "zoom=1", "zoom=5,1,_step", "zoom=a,b,_step", "runs=some"])(
    "a broken link (%s) still opens",
    (query) => {
      const view = parseView(query);
      expect(view.smoothing).toBeLessThan(1);
      expect(view.zoom).toBeNull();
      expect(view.selection.base).toBe("newest");
    },
  );
});
