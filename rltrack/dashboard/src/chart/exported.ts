/** The points of a chart for other programs: as CSV, and as a Vega-Lite picture with its data inside. */

import { axisTitle } from "./axes";
import type { Line } from "./painter";

interface Point {
  line: string;
  run: string;
  x: number;
  y: number;
  low: number;
  high: number;
  smoothed: number | null;
}

function pointsOf(lines: Line[]): Point[] {
  return lines.flatMap(({ id, name, run, curve, smoothed }) =>
    Array.from(curve.x, (x, i) => ({
      line: name || id,
      run,
      x,
      y: curve.told[i]!,
      low: curve.lo[i]!,
      high: curve.hi[i]!,
      smoothed: smoothed ? smoothed[i]! : null,
    })),
  );
}

export function csvOfLines(lines: Line[], axis: string): string {
  const head = ["line", "id", axis, "value", "low", "high", "smoothed"];
  const rows = pointsOf(lines).map(({ line, run, x, y, low, high, smoothed }) => [line, run, x, y, low, high, smoothed ?? ""]);
  return [head, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function vegaOf(
  lines: Line[],
  { title, axis, log, logX, width, height }: { title: string; axis: string; log: boolean; logX: boolean; width: number; height: number },
): object {
  const named = lines.filter((line) => !line.faint && !line.left);
  const values = pointsOf(named).map(({ line, x, y, low, high, smoothed }) => ({ line, x, y: smoothed ?? y, low, high }));
  const field = (name: string, isLog: boolean, words: string) => ({
    field: name, type: "quantitative", title: words, scale: { type: isLog ? "log" : "linear", zero: false },
  });
  const colour = {
    field: "line", type: "nominal", title: null,
    scale: { domain: named.map(({ name, id }) => name || id), range: named.map(({ colour }) => colour) },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title, width, height,
    // JSON has no NaN: such a point is a gap.
    data: { values: values.map((value) => ({ ...value, y: Number.isFinite(value.y) ? value.y : null })) },
    encoding: { x: field("x", logX, axisTitle(axis)), color: colour },
    layer: [
      ...(named.some(({ band }) => band)
        ? [{ mark: { type: "area", opacity: 0.15 }, encoding: { y: field("low", log, ""), y2: { field: "high" } } }]
        : []),
      { mark: { type: "line", invalid: "break-paths-show-path-domains" }, encoding: { y: field("y", log, title) } },
    ],
  };
}
