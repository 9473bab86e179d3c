/** A chart as an SVG, of any size: for papers and slides, drawn of the same lines as the one on screen. */

import { axisTitle, xTicks } from "./axes";
import { projections, type Line, type Plot } from "./painter";
import { traceBand, traceLine, type PathSink } from "./path";
import type { Range } from "./ranges";
import { logTicks, numberTicks, type Tick } from "./ticks";

export interface Picture {
  title: string;
  /** The name of the x axis. */
  axis: string;
  lines: Line[];
  view: Range;
  y: Range;
  right: Range | null;
  log: boolean;
  logX: boolean;
  width: number;
  height: number;
  ink: string;
  muted: string;
  hairline: string;
  paper: string;
}

const FONT = "Inter, Helvetica, Arial, sans-serif";
const ROW = 16;

/** Path data, to a tenth of a pixel. */
export class SvgPath implements PathSink {
  #parts: string[] = [];
  moveTo(x: number, y: number): void {
    this.#parts.push(`M${short(x)} ${short(y)}`);
  }
  lineTo(x: number, y: number): void {
    this.#parts.push(`L${short(x)} ${short(y)}`);
  }
  closePath(): void {
    this.#parts.push("Z");
  }
  toString(): string {
    return this.#parts.join("");
  }
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function svgOf(picture: Picture): string {
  const { title, axis, lines, view, y, right, log, logX, width, height, ink, muted, hairline, paper } = picture;
  const named = lines.filter((line) => line.name && !line.faint);
  const legend = named.length > 1 ? legendRows(named, width - 24) : [];
  const top = 34;
  const bottom = 40 + legend.length * ROW;
  const yTicks = (range: Range) => (log ? logTicks : numberTicks)(...range, (height - top - bottom) / 34);
  const [leftTicks, rightTicks] = [yTicks(y), right ? yTicks(right) : []];
  const left = 20 + widest(leftTicks);
  const plot: Plot = {
    left, top, ratio: 1, x: view, y, right, log, logX, labelRoom: 0,
    width: Math.max(10, width - left - (right ? 20 + widest(rightTicks) : 20)),
    height: Math.max(10, height - top - bottom),
  };
  const { toX } = projections(plot);
  const xs = logX ? logTicks(Math.log10(view[0]), Math.log10(view[1]), plot.width / 60) : xTicks(axis, ...view, plot.width / 60);
  const foot = plot.top + plot.height;
  const scale = (range: Range) => (at: number) => foot - ((at - range[0]) / (range[1] - range[0])) * plot.height;
  const text = (x: number, at: number, words: string, more = "") =>
    `<text x="${short(x)}" y="${short(at)}" fill="${muted}" ${more}>${escaped(words)}</text>`;

  const parts = [
    `<rect width="${width}" height="${height}" fill="${paper}"/>`,
    `<text x="${plot.left}" y="20" fill="${ink}" font-size="13" font-weight="600">${escaped(title)}</text>`,
    ...leftTicks.map(({ at, label }) => {
      const place = scale(y)(at);
      return (
        `<path d="M${plot.left} ${short(place)}h${short(plot.width)}" stroke="${hairline}"/>` +
        text(plot.left - 8, place + 4, label, 'text-anchor="end"')
      );
    }),
    ...rightTicks.map(({ at, label }) => text(plot.left + plot.width + 8, scale(right!)(at) + 4, label)),
    ...xs.map(({ at, label }) => text(toX(logX ? 10 ** at : at), foot + 18, label, 'text-anchor="middle"')),
    text(plot.left + plot.width / 2, foot + 34, axisTitle(axis), 'text-anchor="middle"'),
    `<clipPath id="plot"><rect x="${plot.left}" y="${top - 1}" width="${short(plot.width + 2)}" height="${short(plot.height + 2)}"/></clipPath>`,
    `<g clip-path="url(#plot)" fill="none" stroke-linejoin="round">${lines.map((line) => lineOf(line, plot)).join("")}</g>`,
    ...legend.flatMap((row, i) =>
      row.map(({ line, x }) => {
        const at = foot + 46 + i * ROW;
        return (
          `<path d="M${x} ${at}h16" stroke="${line.colour}" stroke-width="2"${dashed(line.dash)}/>` +
          text(x + 21, at + 4, line.name)
        );
      }),
    ),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="${FONT}" font-size="11">${parts.join("")}</svg>`
  );
}

function lineOf({ curve, smoothed, band, colour, dash, faint, left, right }: Line, plot: Plot): string {
  const { toX, toY } = projections(plot, right);
  const [area, raw, path] = [new SvgPath(), new SvgPath(), new SvgPath()];
  if (band) traceBand(area, curve.x, curve.lo, curve.hi, toX, toY);
  if (smoothed) traceLine(raw, curve.x, curve.y, toX, toY);
  const alone = traceLine(path, curve.x, smoothed ?? curve.y, toX, toY);
  return [
    band ? `<path d="${area}" fill="${colour}" fill-opacity="0.13"/>` : "",
    smoothed ? `<path d="${raw}" stroke="${colour}" stroke-opacity="0.22"/>` : "",
    `<path d="${path}" stroke="${colour}" stroke-width="${faint || left ? 1 : 1.6}"${faint || left ? ' stroke-opacity="0.35"' : ""}${dashed(dash)}/>`,
    ...alone.map(([x, y]) => `<circle cx="${short(x)}" cy="${short(y)}" r="2" fill="${colour}"/>`),
  ].join("");
}

/** Names side by side, as many in a row as fit, each with its place. */
function legendRows(lines: Line[], room: number): { line: Line; x: number }[][] {
  const rows: { line: Line; x: number }[][] = [];
  let x = Infinity;
  for (const line of lines) {
    const width = 40 + line.name.length * 6.2;
    if (x + width > room) {
      rows.push([]);
      x = 12;
    }
    rows.at(-1)!.push({ line, x });
    x += width;
  }
  return rows;
}

function widest(ticks: Tick[]): number {
  return Math.max(16, ...ticks.map(({ label }) => label.length * 6.4));
}

function dashed(dash: number[]): string {
  return dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** An SVG as pixels, `ratio` of them to each of its own. */
export async function pixelsOf(svg: string, width: number, height: number, ratio: number): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}
