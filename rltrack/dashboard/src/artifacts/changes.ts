/** In what the files of two versions differ. */

import type { ArtifactFile } from "../server/types";

export interface FileChange {
  path: string;
  kind: "added" | "removed" | "changed";
  before: ArtifactFile | null;
  after: ArtifactFile | null;
}

export interface Changes {
  changes: FileChange[];
  same: number;
  /** By how many bytes the files together became more, or less. */
  bytes: number;
}

export function changesOf(before: ArtifactFile[], after: ArtifactFile[]): Changes {
  const olds = new Map(before.map((file) => [file.path, file]));
  const news = new Map(after.map((file) => [file.path, file]));
  const paths = [...new Set([...olds.keys(), ...news.keys()])].sort();
  const changes = paths.flatMap((path): FileChange[] => {
    const [old, now] = [olds.get(path) ?? null, news.get(path) ?? null];
    if (!old) return [{ path, kind: "added", before: null, after: now }];
    if (!now) return [{ path, kind: "removed", before: old, after: null }];
    const same = old.digest === now.digest && old.ref === now.ref;
    return same ? [] : [{ path, kind: "changed", before: old, after: now }];
  });
  const size = (files: ArtifactFile[]) => files.reduce((sum, file) => sum + file.size, 0);
  return { changes, same: paths.length - changes.length, bytes: size(after) - size(before) };
}

/** How a file can be shown in the page. */
export function previewOf(path: string, size: number): "text" | "image" | "video" | "audio" | null {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  if (["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "bmp"].includes(ending)) return "image";
  if (["mp4", "webm"].includes(ending)) return "video";
  if (["wav", "mp3", "ogg", "flac"].includes(ending)) return "audio";
  const text =
    /^(txt|md|py|ya?ml|jsonl?|toml|cfg|ini|csv|tsv|log|sh|patch|diff|ipynb|rst|xml|html?|c|h|cc|cpp|rs|js|ts)$/;
  return (ending === "" || text.test(ending)) && size <= 2_000_000 ? "text" : null;
}
