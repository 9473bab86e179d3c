import { expect, test } from "vitest";
import type { ArtifactFile } from "../server/types";
import { changesOf, previewOf } from "./changes";
import { linesToUse } from "./use";

const file = (path: string, digest: string, size = 1): ArtifactFile => ({ path, digest, size, ref: null, type: null });

test("files are compared by what is in them, not by their names alone", () => {
  const found = changesOf([file("a", "1"), file("b", "2"), file("c", "3", 10)], [file("a", "1"), file("b", "9", 5), file("d", "4")]);
  expect(found.changes.map(({ path, kind }) => [path, kind])).toEqual([["b", "changed"], ["c", "removed"], ["d", "added"]]);
  expect([found.same, found.bytes]).toEqual([1, -5]);
});

test("a reference that points elsewhere is a change, though its checksum is the same", () => {
  const old = { ...file("a", "1"), ref: "s3://a" };
  expect(changesOf([old], [{ ...old, ref: "s3://b" }]).changes).toHaveLength(1);
});

test("what is too long to read is not shown", () => {
  expect(previewOf("a/model.PT", 10)).toBe(null);
  expect(previewOf("train.log", 3_000_000)).toBe(null);
  expect([previewOf("README", 1), previewOf("x.PNG", 9e9)]).toEqual(["text", "image"]);
});

test("names stay what they are in the lines that use them", () => {
  const shell = linesToUse("my project", "model", "v3", []).at(-1)!;
  expect(shell.text).toBe("rltrack artifact get 'my project/model:v3'");
});
