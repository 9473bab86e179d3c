/** What was changed about the view of a page, one step after the other: taken back, and done again. */

import { labelOfStep } from "./labels";

/** Parameters of the query, and what they are; null: they are not there. */
export type Part = Record<string, string | null>;

export interface Step {
  /** What it did: `group by lr`. */
  label: string;
  before: Part;
  after: Part;
  /** When it was made, in epoch milliseconds. */
  at: number;
  /** Made bit by bit, as by typing: the next bit belongs to it. */
  bits: boolean;
}

export interface Steps {
  past: Step[];
  /** Taken back; the last is done again first. */
  future: Step[];
}

export const NO_STEPS: Steps = { past: [], future: [] };
const MOST = 200;
const ONE_STEP_MS = 1500;

/**
 * Where one is within a page, and not how it looks: a tab, a file, the chart that fills the screen, a
 * place in a video. It has the browser's "back", and is left alone when a step is taken back.
 */
const PLACES = new Set(["tab", "edit", "panel", "step", "clip", "at", "file", "show", "video", "s", "page", "find", "only", "writer", "order", "equal"]);

/** Some of them are there once for each table of a page: `find:config`. */
export function isPlace(name: string): boolean {
  return PLACES.has(name.split(":")[0]!);
}

/** How two queries differ, but for where one is; null: they do not. */
export function difference(before: string, after: string): { before: Part; after: Part } | null {
  const [old, now] = [new URLSearchParams(before), new URLSearchParams(after)];
  const parts: { before: Part; after: Part } = { before: {}, after: {} };
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    if (isPlace(name) || old.get(name) === now.get(name)) continue;
    parts.before[name] = old.get(name);
    parts.after[name] = now.get(name);
  }
  return Object.keys(parts.after).length ? parts : null;
}

/** The page was changed from one query to another. */
export function noted(steps: Steps, before: string, after: string, at: number, bits = false, label?: string): Steps {
  const parts = difference(before, after);
  if (!parts) return steps;
  const last = steps.past.at(-1);
  const goesOn = bits && last?.bits && !steps.future.length && at - last.at < ONE_STEP_MS && same(names(last), names(parts));
  const first = goesOn ? last.before : parts.before;
  const past = goesOn ? steps.past.slice(0, -1) : steps.past;
  if (goesOn && samePart(first, parts.after)) return { past, future: [] };
  const step = { label: label ?? labelOfStep(first, parts.after), before: first, after: parts.after, at, bits };
  return { past: [...past, step].slice(-MOST), future: [] };
}

/** The browser went back or forward: over steps that are known, or as a step of its own. */
export function walked(steps: Steps, before: string, after: string, at: number): Steps {
  const parts = difference(before, after);
  if (!parts) return steps;
  const [last, next] = [steps.past.at(-1), steps.future.at(-1)];
  if (last && samePart(last.before, parts.after) && samePart(last.after, parts.before)) return takenBack(steps);
  if (next && samePart(next.after, parts.after) && samePart(next.before, parts.before)) return doneAgain(steps);
  return noted(steps, before, after, at);
}

export function takenBack({ past, future }: Steps): Steps {
  const step = past.at(-1);
  return step ? { past: past.slice(0, -1), future: [...future, step] } : { past, future };
}

export function doneAgain({ past, future }: Steps): Steps {
  const step = future.at(-1);
  return step ? { past: [...past, step], future: future.slice(0, -1) } : { past, future };
}

function names(parts: { after: Part }): string[] {
  return Object.keys(parts.after).sort();
}

function same(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function samePart(a: Part, b: Part): boolean {
  return same(Object.keys(a).sort(), Object.keys(b).sort()) && Object.keys(a).every((name) => a[name] === b[name]);
}
