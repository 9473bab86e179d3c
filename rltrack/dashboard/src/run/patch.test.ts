import { expect, test } from "vitest";
import { filesOf } from "./patch";

const PATCH = `diff --git a/train.py b/train.py
index 95a2958..fe5ec1f 100644
--- a/train.py
+++ b/train.py
@@ -5,3 +5,3 @@ def f():
 same
--- a comment
+new
 end
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+x = 1
`;

test("a patch is read by files, with numbers of both sides", () => {
  const [train, fresh] = filesOf(PATCH);
  expect([train!.path, train!.added, train!.removed]).toEqual(["train.py", 1, 1]);
  expect(train!.lines.slice(1).map(({ kind, text, before, after }) => [kind, text, before, after])).toEqual([
    ["same", "same", 5, 5],
    ["removed", "-- a comment", 6, null],
    ["added", "new", null, 6],
    ["same", "end", 7, 7],
  ]);
  expect([fresh!.path, fresh!.lines.at(-1)!.text]).toEqual(["new.py", "x = 1"]);
  expect(filesOf("")).toEqual([]);
});
