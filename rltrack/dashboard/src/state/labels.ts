/** What a change of the view did, in a few words: `group by lr`, `smoothing 0.6`. */

import { parseLayout } from "../chart/layout";
import { labelOf } from "../runs/fields";
import type { Part } from "./steps";
import { parseList } from "./url";

type Say = (after: string | null, before: string | null) => string;

/** By parameter of the query. Of several that change together, the first here names the step. */
const SAY: [string, Say][] = [
  ["q", (text) => (text ? `filter ${short(text)}` : "no filter")],
  ["group", by("group by", "no groups")],
  ["dash", by("dash by", "no dashes")],
  ["facet", by("charts by", "no charts of their own")],
  ["x", (text) => `x axis ${axis(text)}`],
  ["layout", sayLayout],
  ["m", (text) => (text ? `metrics ${short(text)}` : "all metrics")],
  ["y", (text) => (text ? "log y axis" : "linear y axis")],
  ["xs", (text) => (text ? "log x axis" : "linear x axis")],
  ["smooth", (text) => (text ? `smoothing ${text}` : "no smoothing")],
  ["smoother", (text) => `smoothing: ${text ?? "ema"}`],
  ["outliers", (text) => (text ? "without outliers" : "with outliers")],
  ["zoom", (text) => (text ? "zoom" : "whole range")],
  ["zoomy", () => "zoom"],
  ["sort", (text) => (text ? `sort by ${text.split(",").map((one) => labelOf(one.replace(/^-/, ""))).join(", ")}` : "newest first")],
  ["cols", sayColumns],
  ["centre", (text) => `${text ?? "mean"} of groups`],
  ["spread", (text) => `bands of ${text ?? "std"}`],
  ["members", (text) => (text ? "show members" : "hide members")],
  ["tint", () => "colours"],
  ["runs", (text) => ({ all: "draw all runs", none: "draw no run" })[text ?? ""] ?? "draw the newest runs"],
  ["on", () => "which runs are drawn"],
  ["off", () => "which runs are drawn"],
  ["open", () => "runs of a group"],
  ["fold", (after, before) => (parseList(after ?? "").length > parseList(before ?? "").length ? "fold a section" : "unfold a section")],
  ["list", (text) => (text === "folded" ? "fold the run list" : text === "wide" ? "the run table alone" : "unfold the run list")],
  ["baseline", (text) => (text ? "compare with a run" : "no baseline")],
  ["width", () => "width of the run list"],
];

export function labelOfStep(before: Part, after: Part): string {
  for (const [name, say] of SAY) if (name in after) return say(after[name] ?? null, before[name] ?? null);
  const [name = "view", value] = Object.entries(after)[0] ?? [];
  if (name.startsWith("t:")) return `table ${name.slice(2)}`;
  const told = name.replace(/^v\./, "");
  return value ? `${told}: ${short(value)}` : `no ${told}`;
}

function by(verb: string, none: string): Say {
  return (text) => (text ? `${verb} ${parseList(text).map(labelOf).join(", ")}` : none);
}

function axis(text: string | null): string {
  return { _step: "step", _timestamp: "wall time", _runtime: "relative time" }[text ?? ""] ?? text ?? "auto";
}

function sayColumns(after: string | null, before: string | null): string {
  if (!after || !before) return "columns";
  const named = (text: string) => parseList(text).map((one) => one.replace(/^!?\d*:/, ""));
  const [now, old] = [named(after), named(before)];
  const [added, gone] = [now.filter((one) => !old.includes(one)), old.filter((one) => !now.includes(one))];
  if (added.length) return `column ${added.map(labelOf).join(", ")}`;
  if (gone.length) return `no column ${gone.map(labelOf).join(", ")}`;
  if (now.join() !== old.join()) return "order of columns";
  return after.split("!").length !== before.split("!").length ? "pinned columns" : "width of a column";
}

function sayLayout(after: string | null, before: string | null): string {
  const [now, old] = [parseLayout(after ?? ""), parseLayout(before ?? "")];
  if (!after) return "charts as they were";
  if (now.pins.length !== old.pins.length) return now.pins.length > old.pins.length ? `section ${now.pins.at(-1)!.name}` : "one section less";
  const added = Object.keys(now.panels).filter((id) => id.startsWith("+") && !old.panels[id]);
  if (added.length) return `new chart of ${(now.panels[added[0]!]!.keys ?? []).join(", ")}`;
  const gone = now.removed.filter((id) => !old.removed.includes(id));
  if (gone.length) return `without ${gone.join(", ")}`;
  if (Object.keys(old.panels).some((id) => id.startsWith("+") && !now.panels[id])) return "one chart less";
  if (JSON.stringify(now.panels) === JSON.stringify(old.panels)) return "order of charts";
  const id = [...Object.keys(now.panels), ...Object.keys(old.panels)].find(
    (one) => JSON.stringify(now.panels[one]) !== JSON.stringify(old.panels[one]),
  )!;
  const [a, b] = [now.panels[id] ?? {}, old.panels[id] ?? {}];
  return a.wide !== b.wide || a.tall !== b.tall ? `size of ${name(id)}` : `settings of ${name(id)}`;

  function name(chart: string): string {
    return now.panels[chart]?.title ?? (chart.startsWith("+") ? (now.panels[chart]?.keys ?? []).join(", ") : chart);
  }
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
