import { describe, expect, it, test } from "vitest";
import { browserOf, isOpen, pageAfter, sizeOf } from "./words";

describe("the page after signing in", () => {
  test.each([
    ["?page=/p/lab%252Fwalk%3Fq%3D1", "/p/lab%2Fwalk?q=1"],
    ["", "/"],
    ["?page=//evil.example", "/"],
    ["?page=/\\evil.example", "/"],
    ["?page=https://evil.example", "/"],
    ["?page=javascript:alert(1)", "/"],
    ["?page=/%0Aevil", "/"],
  ])("%s", (query, page) => expect(pageAfter(query)).toBe(page));
});

it("a key opens nothing once it is revoked or too old", () => {
  expect(isOpen({ revoked_at: null, expires_at: null }, 5)).toBe(true);
  expect(isOpen({ revoked_at: 4, expires_at: null }, 5)).toBe(false);
  expect(isOpen({ revoked_at: null, expires_at: 5 }, 5)).toBe(false);
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Gecko Firefox/130.0", "Firefox on macOS"],
  ["python-httpx/0.28", "python-httpx"],
  ["", "a browser"],
])("%s", (agent, name) => expect(browserOf(agent)).toBe(name));

describe("a size that is typed", () => {
  test.each([
    ["500 GB", 500e9],
    ["1.5tb", 1.5e12],
    ["20 k", 20_000],
    ["12", 12],
    [" ", null],
  ])("%s", (text, size) => expect(sizeOf(text)).toBe(size));
  it("is told of where it is none", () => expect(() => sizeOf("much")).toThrow("no size"));
});
