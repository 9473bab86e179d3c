/** One look at rows, shared by all that shows them: axes, brushes, what survives them, and what is pointed at. */

import { navigation } from "../state/navigation.svelte";
import { axisOf, meaning, meant, ordered, surviving, VALUE, type Axis, type Brush } from "./axes";
import { formatLooked, parseLooked, type Looked } from "./looked";
import { varied, type Goal, type Row } from "./rows";
import { scaleOf } from "./scale";

/** Axes that are shown by themselves; more would be too narrow to read. */
const MOST_AXES = 9;
/** A parameter with as many names, no two alike, says which run it is and no more. */
const NAMES = 12;

export interface Asked {
  rows: Row[];
  metric: string;
  goal: Goal;
  /** Parameters that the sweep draws by their magnitude. */
  logs: ReadonlySet<string>;
}

export class Explored {
  /** The row that the pointer is on, anywhere. */
  hovered = $state<string | null>(null);
  /** The brush that is being dragged; null clears it. */
  held = $state.raw<{ key: string; brush: Brush | null } | null>(null);

  #ask: () => Asked;
  readonly asked: Asked = $derived.by(() => this.#ask());
  readonly looked: Looked = $derived(parseLooked(navigation.view.looked));
  readonly parameters: string[] = $derived(varied(this.asked.rows));
  readonly shown: string[] = $derived(
    this.looked.shown?.filter((key) => this.parameters.includes(key)) ?? this.#telling().slice(0, MOST_AXES),
  );
  readonly axes: Axis[] = $derived(
    ordered([...this.shown, VALUE], this.looked.order).map((key) =>
      axisOf(key, this.asked.rows, this.looked.logs[key] ?? null, this.asked.logs.has(key)),
    ),
  );
  readonly brushes: ReadonlyMap<string, Brush> = $derived.by(() => {
    const found = new Map<string, Brush>();
    for (const axis of this.axes) {
      const text = this.looked.brushes[axis.key];
      const brush = this.held?.key === axis.key ? this.held.brush : text === undefined ? null : meant(axis, text);
      if (brush) found.set(axis.key, brush);
    }
    return found;
  });
  readonly chosen: Row[] = $derived(surviving(this.asked.rows, this.axes, this.brushes));
  readonly chosenIds: ReadonlySet<string> = $derived(new Set(this.chosen.map((row) => row.id)));
  readonly scale = $derived(scaleOf(this.asked.rows, this.asked.goal));

  constructor(ask: () => Asked) {
    this.#ask = ask;
  }

  /** Change the look: a step that "back" undoes. */
  look(change: Partial<Looked>): void {
    navigation.set({ looked: formatLooked({ ...this.looked, ...change }) });
  }

  /** Put a brush on an axis, or take it away. */
  brush(key: string, brush: Brush | null): void {
    this.brushAll([[key, brush]]);
  }

  /** Put brushes on several axes, or take them away, in one step. A parameter that has no axis yet gets one. */
  brushAll(parts: [string, Brush | null][]): void {
    const brushes = { ...this.looked.brushes };
    for (const [key, brush] of parts) {
      delete brushes[key];
      if (brush) brushes[key] = meaning(this.axis(key), brush);
    }
    const more = parts.map(([key]) => key).filter((key) => brushes[key] !== undefined && key !== VALUE && !this.shown.includes(key));
    this.held = null;
    this.look({ brushes, ...(more.length && { shown: [...this.shown, ...more] }) });
  }

  /** The axis of a parameter, whether it is shown or not. */
  axis(key: string): Axis {
    return this.axes.find((one) => one.key === key) ?? axisOf(key, this.asked.rows, this.looked.logs[key] ?? null, this.asked.logs.has(key));
  }

  #telling(): string[] {
    const { rows } = this.asked;
    return this.parameters.filter((key) => {
      const names = new Set(rows.map((row) => row.parameters[key]).filter((value) => typeof value === "string"));
      return names.size < Math.max(NAMES, rows.length * 0.5);
    });
  }
}
