/** The columns of the run table: which, how wide, and which of them are on screen. */

import type { Column } from "../state/url";
import { likelyValue } from "./arrange";
import { SYSTEM_FIELDS } from "./fields";

export const LEAST_WIDTH = 48;

/** What says most, before anybody chooses. */
export function defaultColumns(metricKeys: string[], telling: string[]): Column[] {
  const value = likelyValue(metricKeys);
  const fields = [...(value === null ? [] : [`summary.${value}`]), ...telling.slice(0, 6), "created_at", "duration"];
  return [...new Set(fields)].map((field) => ({ field, width: null, pinned: false }));
}

export function widthOf({ field, width }: Column): number {
  if (width !== null) return Math.max(LEAST_WIDTH, width);
  if (field === "notes" || field.startsWith("but:")) return 220;
  return SYSTEM_FIELDS.includes(field) ? 96 : 108;
}

/** Pinned columns first; all else in its order. */
export function ordered(columns: Column[]): Column[] {
  return [...columns.filter(({ pinned }) => pinned), ...columns.filter(({ pinned }) => !pinned)];
}

/** Of columns that scroll, those on screen, and how wide what is left out before them is. */
export function columnWindow(
  widths: number[],
  scrolled: number,
  room: number,
  around = 120,
): { first: number; end: number; before: number; after: number } {
  let first = 0;
  let before = 0;
  while (first < widths.length && before + widths[first]! < scrolled - around) before += widths[first++]!;
  let end = first;
  let right = before;
  while (end < widths.length && right < scrolled + room + around) right += widths[end++]!;
  const after = widths.slice(end).reduce((sum, width) => sum + width, 0);
  return { first, end, before, after };
}

/** The columns with one of them put before another, or to the end. */
export function moved(columns: Column[], field: string, before: string | null): Column[] {
  const one = columns.find((column) => column.field === field);
  if (!one || field === before) return columns;
  const others = columns.filter((column) => column.field !== field);
  const at = before === null ? -1 : others.findIndex((column) => column.field === before);
  const target = at < 0 ? null : others[at]!;
  // Dropped among the pinned it is pinned, too, or it would jump back.
  const put = { ...one, pinned: target?.pinned ?? false };
  return at < 0 ? [...others, put] : [...others.slice(0, at), put, ...others.slice(at)];
}

/** The columns with one of them a place further to the left or right, among those that are pinned as it is. */
export function stepped(columns: Column[], field: string, by: -1 | 1): Column[] {
  const one = columns.find((column) => column.field === field);
  const beside = columns.filter((column) => column.field !== "name" && column.pinned === one?.pinned);
  const other = beside[beside.findIndex((column) => column.field === field) + by];
  if (!one || !other) return columns;
  return columns.map((column) => (column === one ? other : column === other ? one : column));
}
