import { describe, expect, test } from "vitest";
import { labelOfStep } from "./labels";
import { doneAgain, noted, NO_STEPS, takenBack, walked } from "./steps";

describe("steps", () => {
  const one = noted(NO_STEPS, "?x=_step", "?x=_step&group=config.lr&open=a", 0);

  test("a step is taken back and done again", () => {
    expect(one.past.map(({ label }) => label)).toEqual(["group by lr"]);
    expect(one.past[0]!.before).toEqual({ group: null, open: null });
    expect(doneAgain(takenBack(one))).toEqual(one);
  });

  test("where one is makes no step", () => expect(noted(one, "?x=a", "?x=a&tab=logs&panel=loss", 9)).toBe(one));

  test("what is typed is one step, and none when it ends as it began", () => {
    const typed = noted(noted(NO_STEPS, "", "?q=p", 0, true), "?q=p", "?q=ppo", 900, true);
    expect(typed.past).toHaveLength(1);
    expect(typed.past[0]).toMatchObject({ label: "filter ppo", before: { q: null }, after: { q: "ppo" } });
    expect(noted(typed, "?q=ppo", "?q=sac", 9000, true).past).toHaveLength(2);
    expect(noted(typed, "?q=ppo", "", 1000, true).past).toEqual([]);
  });

  test("a new step ends what could be done again", () =>
    expect(noted(takenBack(one), "", "?y=log", 5).future).toEqual([]));

  test("the browser's back and forward walk over the same steps", () => {
    const back = walked(one, "?x=_step&group=config.lr&open=a", "?x=_step", 5);
    expect(back).toEqual(takenBack(one));
    expect(walked(back, "?x=_step", "?x=_step&group=config.lr&open=a", 6)).toEqual(one);
    expect(walked(one, "", "?y=log", 7).past).toHaveLength(2);
  });
});

test.each([
  [{ q: null }, "no filter"],
  [{ smooth: "0.6" }, "smoothing 0.6"],
  [{ zoom: null, x: "_timestamp" }, "x axis wall time"],
  [{ "v.metric": "loss" }, "metric: loss"],
  [{ layout: '{"panels":{"loss":{"wide":2}}}' }, "size of loss"],
  [{ layout: '{"places":[["loss","train",null]]}' }, "order of charts"],
  [{ layout: '{"panels":{"+1":{"keys":["a","b"]}}}' }, "new chart of a, b"],
])("%j says %s", (after, label) => expect(labelOfStep({}, after)).toBe(label));

test("columns say which", () => {
  expect(labelOfStep({ cols: ":config.lr" }, { cols: ":config.lr,:name" })).toBe("column name");
  expect(labelOfStep({ cols: ":a,:b" }, { cols: ":b,:a" })).toBe("order of columns");
});
