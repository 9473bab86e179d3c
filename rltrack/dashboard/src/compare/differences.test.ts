import { expect, test } from "vitest";
import { differences } from "./differences";

test("what differs is told from what is the same, with deltas to the first run", () => {
  const found = differences([{ lr: 1, net: { width: 64 } }, { lr: 3, net: { width: 64 }, extra: null }]);
  expect(found.map(({ key, same, deltas }) => [key, same, deltas])).toEqual([
    ["extra", false, [null, null]],
    ["lr", false, [null, 2]],
    ["net.width", true, [null, null]],
  ]);
});
