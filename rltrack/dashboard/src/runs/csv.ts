/** The table as a file that a spreadsheet reads. */

import type { Run } from "../server/types";
import { reader, type Asked } from "./fields";

export function csvOf(runs: Run[], fields: string[], asked: Asked): string {
  const reads = fields.map((field) => reader(field, asked));
  const lines = runs.map((run) => reads.map((read) => cell(read(run))));
  return [fields.map(cell), ...lines].map((line) => line.join(",") + "\r\n").join("");
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Save a text as a file of the reader's. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
