import { describe, expect, test } from "vitest";
import { blockOf, listOf, piecesOf, withBlock } from "./blocks";

const report = `# Why PPO

Some words.

\`\`\`panel
chart: rollout/ep_rew_mean, eval/mean_reward
look: ?group=but:seed&q=algo=ppo
title: Both: up
tall: 2
\`\`\`
More words.

~~~python
\`\`\`panel
chart: this is code
\`\`\`
~~~
`;

describe("a report in pieces", () => {
  test("text and panels, and code is text", () => {
    const [first, panel, last] = piecesOf(report);
    expect(first).toMatchObject({ kind: "text", text: "# Why PPO\n\nSome words.\n" });
    expect(panel).toMatchObject({
      kind: "panel",
      panel: { kind: "chart", of: ["rollout/ep_rew_mean", "eval/mean_reward"], look: "group=but:seed&q=algo=ppo", title: "Both: up", tall: 2 },
    });
    expect(last).toMatchObject({ kind: "text", text: expect.stringContaining("this is code") });
    expect(piecesOf(report)).toHaveLength(3);
  });

  test("what stays keeps its id, and twins are told apart", () => {
    const ids = (text: string) => piecesOf(text).map(({ id }) => id);
    const block = blockOf({ kind: "number", of: ["summary.return"] });
    const before = ids(`a\n${block}\nb\n${block}`);
    expect(new Set(before).size).toBe(4);
    expect(ids(`a, changed\n${block}\nb\n${block}`).slice(1)).toEqual(before.slice(1));
  });

  test.each([
    ["chart:", 2, "chart of what?"],
    ["look: q=a", 2, "a panel of what?"],
    ["chart: a\nruns: b", 3, "is a chart already"],
    ["chart: a\ntall: 9", 3, "from 1 to 4"],
    ["media: a\nstep: soon", 3, "not \"soon\""],
    ["chart: a\n\ncolour: red", 4, "has no \"colour\""],
    ["chart: a\nwhat", 3, "\"what\" is no line"],
  ])("a mistake is told with its line: %s", (body, line, told) => {
    expect(piecesOf(`\`\`\`panel\n${body}\n\`\`\``)[0]).toMatchObject({ kind: "mistake", line, told: expect.stringContaining(told) });
  });

  test("a block that is being typed ends with the text", () => {
    expect(piecesOf("```panel\nchart: a")).toMatchObject([{ kind: "panel", panel: { of: ["a"] } }]);
    expect(piecesOf("")).toEqual([]);
  });
});

test("a block says no more than it must, and is read as it was", () => {
  const panel = { kind: "media" as const, of: ["eval/video"], look: "q=a", title: "", tall: 1, rows: 10, step: 300 };
  expect(blockOf(panel)).toBe("```panel\nmedia: eval/video\nlook: q=a\nstep: 300\n```");
  expect(piecesOf(blockOf(panel))[0]).toMatchObject({ panel });
});

test("a block goes between lines, wherever the cursor is", () => {
  expect(withBlock("", 0, "B")).toEqual({ text: "B\n", at: 2 });
  expect(withBlock("one two", 3, "B")).toEqual({ text: "one\n\nB\n\ntwo", at: 7 });
});

test("commas of expressions and of quoted names separate nothing", () => {
  expect(listOf('ema(train/loss, 0.99), a / b ,, "odd, name"')).toEqual(["ema(train/loss, 0.99)", "a / b", '"odd, name"']);
  const block = blockOf({ kind: "chart", of: ["max(a, b)", "c"] });
  expect(piecesOf(block)[0]).toMatchObject({ panel: { of: ["max(a, b)", "c"] } });
});
