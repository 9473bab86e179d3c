/** Which lines a project's charts have: runs, or groups of them, told apart by colour, dash and chart. */

import { traceOfGroup, traceOfRun, type Trace } from "../chart/traces";
import { groupsOf, leaves } from "../runs/arrange";
import { reader, type Asked, type Cell } from "../runs/fields";
import type { Run } from "../server/types";

/** The fields that runs are told apart by; what is named twice counts once. */
export interface Apart {
  group: string[];
  dash: string[];
  facet: string[];
}

interface Naming {
  slotOf(run: Run): number;
  /** Of a group of the run table, by its key. */
  slotOfGroup(key: string): number;
  /** Values of fields, in words. */
  nameOf(fields: string[], values: Cell[]): string;
}

export function tracesOf(drawn: Run[], all: Run[], apart: Apart, asked: Asked, naming: Naming): Trace[] {
  const dashOf = places(apart.dash, all, asked);
  const facetOf = (run: Run) => naming.nameOf(apart.facet, valuesOf(run, apart.facet, asked));
  const dash = (run: Run) => (apart.dash.length ? dashOf.get(JSON.stringify(valuesOf(run, apart.dash, asked))) ?? 0 : null);

  const traces = apart.group.length
    ? leaves(groupsOf(drawn, [...new Set([...apart.group, ...apart.dash, ...apart.facet])], asked)).map((group): Trace => {
        const [first] = group.runs;
        const values = JSON.parse(group.key) as Cell[];
        const coloured = JSON.stringify(values.slice(0, apart.group.length));
        const named = [...new Set([...apart.group, ...apart.dash])];
        const name = naming.nameOf(named, values.slice(0, named.length));
        return {
          ...traceOfGroup(group.key, name, naming.slotOfGroup(coloured), group.runs),
          lights: coloured, dash: dash(first!), facet: facetOf(first!),
        };
      })
    : drawn.map((run) => ({ ...traceOfRun(run, naming.slotOf(run)), dash: dash(run), facet: facetOf(run) }));
  // Charts of their own stand in the order of their names, and keep it when runs come.
  return traces.sort((a, b) => byName.compare(a.facet!, b.facet!) || a.slot - b.slot);
}

const byName = new Intl.Collator("en", { numeric: true });

function valuesOf(run: Run, fields: string[], asked: Asked): Cell[] {
  return fields.map((field) => reader(field, asked)(run));
}

/** A number for each combination of values that any run has, so that none changes when runs are hidden. */
function places(fields: string[], runs: Run[], asked: Asked): Map<string, number> {
  const found = new Map<string, number>();
  for (const run of fields.length ? [...runs].sort((a, b) => a.slot - b.slot) : []) {
    const key = JSON.stringify(valuesOf(run, fields, asked));
    if (!found.has(key)) found.set(key, found.size);
  }
  return found;
}

/** All config keys but some, or some: the switch of a zone. */
export function reversed(fields: string[]): string[] {
  const [first] = fields;
  if (first?.startsWith("but:")) return first.slice(4).split("|").filter(Boolean).map((key) => `config.${key}`);
  const keys = fields.filter((field) => field.startsWith("config.")).map((field) => field.slice("config.".length));
  return keys.length ? [`but:${keys.join("|")}`] : fields;
}
