import { expect, test } from "vitest";
import { freeName, isBare, isChanged, lookOf, queryOf } from "./saved";

test("where one is on a page is no change of its view, nor is the order of parameters", () => {
  expect(isChanged("group=config.lr&smooth=0.6", "?view=a&smooth=0.6&group=config.lr&tab=logs&panel=loss")).toBe(false);
  expect(isChanged("group=config.lr", "?view=a&group=config.lr&y=log")).toBe(true);
  expect(isChanged("q=a b&group=x/y,z", "?q=a+b&group=x%2Fy%2Cz")).toBe(false);
});

test("a saved view comes back as it was saved", () => {
  const query = "?q=lr+%3C+0.1&cols=:config.lr,:a/b&view=other&panel=loss";
  expect(isChanged(query, queryOf("ab 1", query))).toBe(false);
  expect(new URLSearchParams(queryOf("ab 1", query)).get("view")).toBe("ab 1");
  expect(queryOf("ab", "")).toBe("?view=ab");
  expect(queryOf("ab", "y=log", "?panel=loss&y=lin")).toBe("?view=ab&y=log&panel=loss");
  expect(lookOf(lookOf(query))).toBe(lookOf(query));
});

test("a bare link asks for the view that the project begins with", () => {
  expect(isBare("")).toBe(true);
  expect(isBare("?panel=loss")).toBe(true);
  expect(isBare("?view=ab")).toBe(true);
  expect(isBare("?y=log")).toBe(false);
});

test("copies are counted", () => {
  expect(freeName("a", ["b"])).toBe("a");
  expect(freeName("a", ["a", "a 2"])).toBe("a 3");
  expect(freeName("a 2", ["a", "a 2"])).toBe("a 3");
});
