import { describe, expect, test } from "vitest";
import { cellText, mediaOf, widthOf } from "./cells";
import {
  conditionOf, DEFAULT_TABLE, filtersOfGroup, firstAggregates, isOpen, opsOf, packView, requestOf, sidesOf, sortedBy, turnedAt, unpackView,
} from "./question";
import { pagesOf, scrollerOf } from "./scroll";

const COLUMNS = [
  { name: "run", type: "text" }, { name: "step", type: "int" }, { name: "id", type: "int" },
  { name: "env", type: "text" }, { name: "return", type: "float" }, { name: "ok", type: "bool" },
];
const ASKED = { key: "t", runs: ["a"], at: null, columns: COLUMNS };

describe("conditions", () => {
  test("are of the type of their column", () => {
    expect(conditionOf({ column: "return", op: ">", value: " 1e3 " }, "float")).toEqual({ column: "return", op: ">", value: 1000 });
    expect(conditionOf({ column: "ok", op: "=", value: "false" }, "bool")).toEqual({ column: "ok", op: "=", value: false });
    expect(conditionOf({ column: "env", op: "contains", value: "1" }, "text")).toEqual({ column: "env", op: "contains", value: "1" });
    expect(conditionOf({ column: "id", op: "between", value: "3, 9" }, "int")).toEqual({ column: "id", op: "between", value: [3, 9] });
    expect(opsOf("float")).not.toContain("contains");
  });

  test("that are not complete are not asked", () => {
    expect(conditionOf({ column: "return", op: ">", value: "1e" }, "float")).toBeNull();
    expect(conditionOf({ column: "id", op: "between", value: "3" }, "int")).toBeNull();
    expect(conditionOf({ column: "env", op: "=", value: "" }, "text")).toBeNull();
    expect(conditionOf({ column: "env", op: "is null", value: "" }, "text")).toEqual({ column: "env", op: "is null" });
  });
});

describe("questions", () => {
  test("say no more than what is asked", () => {
    expect(requestOf(ASKED, DEFAULT_TABLE)).toEqual({ key: "t", runs: ["a"], steps: "last" });
    expect(requestOf({ ...ASKED, at: { a: 7 } }, DEFAULT_TABLE).steps).toEqual({ a: 7 });
  });

  test("with several group columns have subtotals, and are sorted by what there is", () => {
    const view = { ...DEFAULT_TABLE, group: ["env", "ok"], aggregates: [{ column: "return", fn: "mean" }], sort: ["-mean(return)", "id"] };
    expect(requestOf(ASKED, view)).toMatchObject({ subtotals: true, sort: ["-mean(return)"], group: ["env", "ok"] });
    expect(firstAggregates(COLUMNS, ["env"])).toEqual([{ column: "id", fn: "mean" }, { column: "return", fn: "mean" }]);
  });

  test("groups in groups fold, all below a level or one by one", () => {
    const view = { ...DEFAULT_TABLE, group: ["env", "ok", "id"] };
    expect(requestOf(ASKED, view)).not.toHaveProperty("depth");
    expect(isOpen(view, ["e"])).toBe(true);
    expect(isOpen({ ...view, depth: 1 }, ["e"])).toBe(false);
    expect(isOpen({ ...view, depth: 2 }, ["e", null])).toBe(false);
    const turned = turnedAt({ ...view, depth: 2 }, ["e", null]);
    expect(isOpen({ ...view, depth: 2, turned }, ["e", null])).toBe(true);
    expect(turnedAt({ ...view, turned }, ["e", null])).toEqual([]);
    expect(requestOf(ASKED, { ...view, depth: 2, turned })).toMatchObject({ depth: 2, turned: [["e", null]] });
  });

  test("a group opens as what its rows have in common", () => {
    expect(filtersOfGroup(["env", "ok"], ["e", null, 3], 2)).toEqual([
      { column: "env", op: "=", value: "e" }, { column: "ok", op: "is null", value: "" },
    ]);
    expect(filtersOfGroup(["env", "ok"], ["e", null, 3], 1)).toHaveLength(1);
  });

  test("a click sorts up, down, and not at all; with shift after the others", () => {
    expect(sortedBy([], "a", false)).toEqual(["a"]);
    expect(sortedBy(["a"], "a", false)).toEqual(["-a"]);
    expect(sortedBy(["-a"], "a", false)).toEqual([]);
    expect(sortedBy(["-a"], "b", true)).toEqual(["-a", "b"]);
    expect(sortedBy(["-a", "b"], "b", true)).toEqual(["-a", "-b"]);
  });

  test("columns of tables side by side are compared with each other", () => {
    const columns = ["id", "r0.x", "r1.x", "r0.y", "_changed"].map((name) => ({ name, type: "int" }));
    expect([...sidesOf(columns, ["r0", "r1"])]).toEqual([[1, [1, 2]], [2, [1, 2]], [3, [3]]]);
  });

  test("a view goes into the address and comes back; nonsense is nothing", () => {
    const view = { ...DEFAULT_TABLE, sort: ["-a"], join: "id", widths: { a: 90 } };
    expect(unpackView(packView(view))).toEqual(view);
    expect(packView(DEFAULT_TABLE)).toBe("");
    expect(unpackView('{"sort": 3, "nope": 1}')).toEqual(DEFAULT_TABLE);
    expect(unpackView("{")).toEqual(DEFAULT_TABLE);
  });
});

describe("ten million rows", () => {
  const scroller = scrollerOf(10_000_000, 28, 448);

  test("are all reached within the height that a browser allows", () => {
    expect(scroller.height).toBeLessThan(16_000_000);
    expect(scroller.rowAt(0)).toBe(0);
    expect(scroller.rowAt(scroller.height - 448)).toBeCloseTo(10_000_000 - 16);
    expect(scroller.rowAt(scroller.placeOf(1_234_567))).toBeCloseTo(1_234_567);
  });

  test("a few are scrolled by pixels", () => {
    expect(scrollerOf(100, 28, 448).rowAt(56)).toBe(2);
  });

  test("come by pages", () => {
    expect(pagesOf(0, 30)).toEqual([0]);
    expect(pagesOf(190, 210)).toEqual([0, 1]);
  });
});

describe("cells", () => {
  test("are short and exact enough", () => {
    expect(cellText(0.1 + 0.2, "float")).toBe("0.3");
    expect(cellText(123456789, "int")).toBe("123456789");
    expect(cellText("1152921504606846977", "int")).toBe("1152921504606846977");
    expect(cellText({ a: [1] }, "json")).toBe('{"a":[1]}');
    expect(widthOf("x", "int", [1])).toBe(64);
  });

  test("with files know how they are shown", () => {
    expect(mediaOf({ _type: "image-file", url: "/a/b.png" })).toEqual({ kind: "image", url: "/a/b.png", name: "b.png" });
    expect(mediaOf({ _type: "video-file", url: "/a/b.gif", caption: "c" })).toMatchObject({ kind: "image", name: "c" });
    expect(mediaOf({ _type: "table-file" })).toBeNull();
  });
});
