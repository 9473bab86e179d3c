/** A patch, as `git diff` writes it, by files and lines. */

export interface PatchLine {
  kind: "hunk" | "same" | "added" | "removed";
  text: string;
  /** Numbers in the old and the new file. */
  before: number | null;
  after: number | null;
}

export interface PatchFile {
  path: string;
  added: number;
  removed: number;
  lines: PatchLine[];
}

export function filesOf(patch: string): PatchFile[] {
  const files: PatchFile[] = [];
  let file: PatchFile | null = null;
  let before = 0;
  let after = 0;
  // How much of a hunk is left: a removed line may itself begin with `--- `.
  let oldLeft = 0;
  let newLeft = 0;
  for (const line of patch.split("\n")) {
    const inside = oldLeft > 0 || newLeft > 0;
    if (!inside && line.startsWith("diff --git ")) {
      file = { path: /^diff --git a\/(.*?) b\/.*$/.exec(line)?.[1] ?? line.slice(11), added: 0, removed: 0, lines: [] };
      files.push(file);
    } else if (!file) continue;
    else if (!inside && line.startsWith("@@")) {
      const [, oldStart, oldCount, newStart, newCount] = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
      [before, after] = [Number(oldStart ?? 0), Number(newStart ?? 0)];
      [oldLeft, newLeft] = [Number(oldCount ?? 1), Number(newCount ?? 1)];
      file.lines.push({ kind: "hunk", text: line, before: null, after: null });
    } else if (inside && line.startsWith("+")) {
      file.added += 1;
      newLeft -= 1;
      file.lines.push({ kind: "added", text: line.slice(1), before: null, after: after++ });
    } else if (inside && line.startsWith("-")) {
      file.removed += 1;
      oldLeft -= 1;
      file.lines.push({ kind: "removed", text: line.slice(1), before: before++, after: null });
    } else if (inside && !line.startsWith("\\")) {
      oldLeft -= 1;
      newLeft -= 1;
      file.lines.push({ kind: "same", text: line.slice(1), before: before++, after: after++ });
    } else if (line.startsWith("Binary files") || line.startsWith("GIT binary patch")) {
      file.lines.push({ kind: "hunk", text: "a binary file", before: null, after: null });
    }
  }
  return files;
}
