/** Which clip is meant, and how a trace is read beside its video. */

import { asNumber } from "../runs/values";
import type { Clip, Json, TraceFile } from "../server/types";

/** Names a clip in the URL, and stays when others come. */
export function clipId(clip: Clip): string {
  return `${clip.key}@${clip.step ?? ""}${clip.number === null ? "" : `.${clip.number}`}`;
}

/** Where a clip stands on the axis of episodes. */
export function clipX(clip: Clip): number {
  return clip.global_step ?? clip.step ?? 0;
}

/** Where a clip stands on the x axis of a chart, NaN where that says nothing of it; `began`: when its run did, in seconds. */
export function clipOn(axis: string, began: number): (clip: Clip) => number {
  if (axis === "_step") return ({ step }) => step ?? NaN;
  if (axis === "global_step") return clipX;
  if (axis === "_timestamp") return ({ time }) => time;
  if (axis === "_runtime") return ({ time }) => time - began;
  return () => NaN;
}

/** The clip nearest to an x; of several at one x the one whose return is nearest, if one is given. */
export function nearestClip(clips: Clip[], x: number, y: number | null = null, place: (clip: Clip) => number = clipX): Clip | null {
  let best: Clip | null = null;
  let least: [number, number] = [Infinity, Infinity];
  for (const clip of clips) {
    const gap = Math.abs(place(clip) - x);
    const away = y === null ? 0 : Math.abs((asNumber(clip.return) ?? Infinity) - y);
    if (gap < least[0] || (gap === least[0] && away < least[1])) [best, least] = [clip, [gap, away]];
  }
  return best;
}

export interface Track {
  name: string;
  /** NaN where nothing is known. */
  values: number[];
  /** It is one of a few whole numbers, as a discrete action. */
  stepped: boolean;
}

/** The columns of a trace as lines: a vector as one for each of its parts, the return so far added. */
export function tracksOf(trace: TraceFile): Track[] {
  const tracks: Track[] = [];
  const order = ["reward", "value", "action"];
  const names = Object.keys(trace.columns).sort((a, b) => rank(order, a) - rank(order, b));
  for (const name of names) {
    const column = trace.columns[name]!;
    const parts = partsOf(column);
    for (const [part, values] of parts) {
      tracks.push({ name: part ? `${name}[${part}]` : name, values, stepped: isStepped(values) });
    }
    if (name === "reward" && parts.length === 1) {
      let sum = 0;
      const sums = parts[0]![1].map((value) => (sum += Number.isFinite(value) ? value : 0));
      tracks.push({ name: "return so far", values: sums, stepped: false });
    }
  }
  return tracks;
}

function rank(order: string[], name: string): number {
  const at = order.indexOf(name);
  return at < 0 ? order.length : at;
}

/** So many parts of a vector are drawn: a picture as an observation is none to be drawn. */
const MOST_PARTS = 12;

function partsOf(column: Json[]): [string, number[]][] {
  const first = column.find((value) => value !== null);
  if (!Array.isArray(first)) return [["", column.map(plain)]];
  if (first.length > MOST_PARTS || first.some(Array.isArray)) return [];
  return first.map((_, i) => [
    first.length === 1 ? "" : String(i),
    column.map((value) => plain(Array.isArray(value) ? (value[i] ?? null) : null)),
  ]);
}

function plain(value: Json): number {
  if (typeof value === "boolean") return Number(value);
  return asNumber(value) ?? NaN;
}

function isStepped(values: number[]): boolean {
  const distinct = new Set<number>();
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (!Number.isInteger(value)) return false;
    distinct.add(value);
    if (distinct.size > 32) return false;
  }
  return distinct.size > 1;
}

/** After how many timesteps the frame was drawn that is shown at a time; 0 is the reset. */
export function timestepAt(trace: Pick<TraceFile, "frames" | "timesteps">, fps: number, seconds: number): number {
  // The last moment of a video still shows its last frame.
  const frame = Math.max(0, Math.floor(seconds * fps + 1e-3));
  if (!trace.frames.length) return Math.min(frame, trace.timesteps);
  return trace.frames[Math.min(frame, trace.frames.length - 1)]!;
}

/** When the first frame is shown that was drawn after so many timesteps. */
export function secondsAt(trace: Pick<TraceFile, "frames" | "timesteps">, fps: number, timestep: number): number {
  if (!trace.frames.length) return timestep / fps;
  let low = 0;
  let high = trace.frames.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (trace.frames[middle]! < timestep) low = middle + 1;
    else high = middle;
  }
  return (low + 0.5) / fps; // in the middle of the frame, where no rounding leads to another
}

export type Outcome = "terminated" | "truncated" | "success" | "failure" | null;

/** How an episode ended, as far as its row says. */
export function outcomeOf(row: { success?: Json; terminated?: Json; truncated?: Json }): Outcome {
  if (row.success === true || row.success === 1) return "success";
  if (row.truncated === true || row.truncated === 1) return "truncated";
  if (row.terminated === true || row.terminated === 1 || row.truncated === false) return "terminated";
  return row.success === false ? "failure" : null;
}
