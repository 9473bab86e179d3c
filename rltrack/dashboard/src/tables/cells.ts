/** What a cell shows. */

import { compact } from "../format";
import type { Json } from "../server/types";

export type CellMedia = { kind: "image" | "video" | "audio" | "file"; url: string; name: string };

/** The file that a cell refers to, if it does. */
export function mediaOf(value: Json | undefined): CellMedia | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  if (typeof value.url !== "string") return null;
  const type = String(value._type ?? "");
  const url = value.url;
  const isGif = /\.gif$/i.test(url);
  const kind = type.startsWith("image") || (isGif && type.startsWith("video")) ? "image"
    : type.startsWith("video") ? "video" : type.startsWith("audio") ? "audio" : "file";
  return { kind, url, name: typeof value.caption === "string" ? value.caption : decodeURIComponent(url.slice(url.lastIndexOf("/") + 1)) };
}

/** A cell in a line. Floats are as short as they are read; the whole value is in the tooltip. */
export function cellText(value: Json | undefined, type: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return type === "int" || Number.isInteger(value) ? String(value) : floatText(value);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  return JSON.stringify(value);
}

function floatText(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e9) ? compact(value, 5) : String(Number(value.toPrecision(6)));
}

/** Pixels that fit most cells of a column. */
export function widthOf(name: string, type: string, cells: (Json | undefined)[]): number {
  if (type === "media") return 120;
  const longest = Math.max(name.length + 3, ...cells.slice(0, 50).map((cell) => cellText(cell, type).length));
  return Math.round(Math.min(320, Math.max(64, longest * 7.4 + 26)));
}
