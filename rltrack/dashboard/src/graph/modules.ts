/** The layers of a model as a tree of modules, of which some are open; pure. */

import type { Json } from "../server/types";

export interface Layer {
  name: string;
  kind: string;
  parameters: number | null;
  trainable: number | null;
  dtype: string | null;
  inputs: Json[];
  outputs: Json[];
  flops: number | null;
  calls: number | null;
}

export interface Model {
  layers: Map<string, Layer>;
  /** Names of what is directly in a module; the model itself has no name. */
  inside: Map<string, string[]>;
  edges: [string, string][];
}

/** Of what was logged; null if it is no graph. */
export function modelOf(data: Json | undefined): Model | null {
  if (typeof data !== "object" || data === null || Array.isArray(data) || !Array.isArray(data.nodes)) return null;
  const layers = new Map<string, Layer>();
  for (const node of data.nodes) {
    if (typeof node !== "object" || node === null || Array.isArray(node)) continue;
    const name = String(node.name ?? "");
    const number = (value: Json | undefined) => (typeof value === "number" ? value : null);
    const list = (value: Json | undefined) => (Array.isArray(value) ? value : []);
    layers.set(name, {
      name,
      kind: String(node.kind ?? node.op ?? node.type ?? ""),
      parameters: number(node.parameters),
      trainable: number(node.trainable),
      dtype: typeof node.dtype === "string" ? node.dtype : null,
      inputs: list(node.inputs),
      outputs: list(node.outputs),
      flops: number(node.flops),
      calls: number(node.calls),
    });
  }
  const inside = new Map<string, string[]>();
  for (const name of layers.keys()) {
    if (name === "") continue;
    const above = parentOf(name, layers);
    inside.set(above, [...(inside.get(above) ?? []), name]);
  }
  const edges = (Array.isArray(data.edges) ? data.edges : []).flatMap((edge): [string, string][] =>
    Array.isArray(edge) && layers.has(String(edge[0])) && layers.has(String(edge[1])) ? [[String(edge[0]), String(edge[1])]] : [],
  );
  return { layers, inside, edges };
}

/** The innermost module that is there and holds it. */
function parentOf(name: string, layers: Map<string, Layer>): string {
  for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1)) {
    const above = name.slice(0, at);
    if (layers.has(above)) return above;
  }
  return "";
}

/** Modules that are open at first: from the outside in, as long as there are not too many boxes. */
export function openAtFirst(model: Model, most = 40): Set<string> {
  const open = new Set<string>();
  let boxes = (model.inside.get("") ?? []).length;
  let level = model.inside.get("") ?? [];
  while (level.length) {
    const next: string[] = [];
    for (const name of level) {
      const inner = model.inside.get(name);
      if (!inner || boxes + inner.length > most) continue;
      open.add(name);
      boxes += inner.length;
      next.push(...inner);
    }
    level = next;
  }
  return open;
}

/** The modules above a layer, so that it is seen once they are open. */
export function above(name: string, layers: Map<string, Layer>): string[] {
  const found: string[] = [];
  for (let at = parentOf(name, layers); at !== ""; at = parentOf(at, layers)) found.push(at);
  return found;
}

export interface Shown {
  /** Layers and closed modules. */
  boxes: string[];
  /** Open modules, which are drawn around what is in them. */
  frames: string[];
  parent: Map<string, string>;
  edges: [string, string][];
}

/** What is drawn while these modules are open. */
export function shownOf(model: Model, open: ReadonlySet<string>): Shown {
  const shown: Shown = { boxes: [], frames: [], parent: new Map(), edges: [] };
  const visit = (name: string, frame: string) => {
    if (frame !== "") shown.parent.set(name, frame);
    const inner = model.inside.get(name);
    if (inner && open.has(name)) {
      shown.frames.push(name);
      for (const one of inner) visit(one, name);
    } else shown.boxes.push(name);
  };
  for (const name of model.inside.get("") ?? []) visit(name, "");
  if (shown.boxes.length === 0 && model.layers.has("")) shown.boxes.push("");
  const visible = new Set(shown.boxes);
  const seenAs = (name: string): string | null => {
    for (let at = name; at !== ""; at = parentOf(at, model.layers)) if (visible.has(at)) return at;
    return null;
  };
  const known = new Set<string>();
  for (const [from, to] of model.edges) {
    const [start, end] = [seenAs(from), seenAs(to)];
    if (start === null || end === null || start === end || known.has(`${start}\n${end}`)) continue;
    known.add(`${start}\n${end}`);
    shown.edges.push([start, end]);
  }
  return shown;
}

/** A shape as `2 × 64`. */
export function shapeText(shapes: Json[]): string {
  return shapes.map((shape) => (Array.isArray(shape) ? shape.map((n) => n ?? "?").join(" × ") || "()" : "")).filter(Boolean).join(", ");
}

/** The floating-point operations of all layers. */
export function totalFlops(model: Model): number {
  return [...model.layers.values()].reduce((sum, layer) => sum + (layer.flops ?? 0), 0);
}
