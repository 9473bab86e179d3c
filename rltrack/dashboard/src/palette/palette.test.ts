import { describe, expect, test } from "vitest";
import { found, parseQuery, parseStop, type Item } from "./items";
import { fit, pieces } from "./rank";

describe("how well a text fits", () => {
  const best = (query: string, texts: string[]) =>
    texts.map((text) => ({ text, score: fit(query, text)?.score ?? -Infinity })).sort((a, b) => b.score - a.score)[0]!.text;

  test.each([
    ["loss", ["train/glossy", "train/loss", "loss/train/policy"], "loss/train/policy"],
    ["loss", ["eval/glossy", "train/loss"], "train/loss"],
    ["tl", ["total", "train/loss"], "train/loss"],
    ["ppo 3", ["ppo-seed0", "ppo-seed3"], "ppo-seed3"],
    ["kl", ["train/kl_coefficient", "train/kl"], "train/kl"],
  ])("%s", (query, texts, expected) => expect(best(query, texts)).toBe(expected));

  test("each word has to fit, in any order", () => {
    expect(fit("seed ppo", "ppo-seed1")).not.toBeNull();
    expect(fit("ppo sac", "ppo-seed1")).toBeNull();
    expect(fit("sdee", "ppo-seed1")).toBeNull();
  });

  test("the letters that fit are marked", () => {
    expect(fit("ret epi", "episode/return")!.marks).toEqual([[0, 3], [8, 11]]);
    expect(pieces("episode", [[0, 3]])).toEqual([{ text: "epi", marked: true }, { text: "sode", marked: false }]);
  });

  test("a long text is no trouble", () => expect(fit("aaaaaaaab", "a".repeat(100_000))).toBeNull());
});

describe("what is found", () => {
  const items: Item[] = [
    { id: "a", kind: "action", title: "light or dark theme" },
    { id: "p", kind: "project", title: "cartpole" },
    { id: "r", kind: "run", title: "ppo-seed1" },
    { id: "s", kind: "run", title: "sac-dark" },
    { id: "t", kind: "run", title: "other", found: true },
  ];
  const ids = (text: string, recent: string[] = []) => found(items, text, recent).map(({ item }) => item.id);

  test("what was chosen lately is first", () => {
    expect(ids("", ["r", "p"])).toEqual(["r", "p", "a", "s", "t"]);
    expect(ids("dark")[0]).toBe("a");
    expect(ids("dark", ["s"])[0]).toBe("s");
  });

  test("what the server found stays, though its name does not say why", () => expect(ids("lr=3")).toEqual(["t"]));

  test("runs to stop are looked for by what follows", () => {
    expect(parseStop("stop ppo 3")).toEqual({ stop: true, of: "ppo 3" });
    expect(parseStop("stopwatch")).toEqual({ stop: false, of: "stopwatch" });
  });

  test("one kind alone", () => {
    expect(parseQuery("> theme")).toEqual({ kind: "action", query: "theme" });
    expect(ids(">")).toEqual(["a"]);
    expect(ids("run dark")).toContain("s");
    expect(ids("projects")[0]).toBe("p");
    expect(ids("@dark")).toEqual(["s", "t"]);
  });
});
