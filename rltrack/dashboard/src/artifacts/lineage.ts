/** Where the runs and versions of a lineage graph stand. */

import dagre from "@dagrejs/dagre";
import type { Lineage, LineageNode } from "../server/types";

export const WIDTH = 190;
export const HEIGHT = 46;

export interface Placed {
  width: number;
  height: number;
  nodes: { node: LineageNode; x: number; y: number }[];
  /** Each as the `d` of a path, from what was before to what came after. */
  edges: { id: string; d: string }[];
}

/** From left to right, as the data went. */
export function placed({ nodes, edges }: Lineage): Placed {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const [from, to] of edges) graph.setEdge(from, to);
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: nodes.map((node) => {
      const { x, y } = graph.node(node.id) as { x: number; y: number };
      return { node, x: x - WIDTH / 2, y: y - HEIGHT / 2 };
    }),
    edges: edges.map(([from, to]) => {
      const { points } = graph.edge(from, to) as { points: { x: number; y: number }[] };
      return { id: `${from}\n${to}`, d: curve(points) };
    }),
  };
}

/** Through the middles of the lines between points, so that it bends and has no corner. */
export function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let d = `M${round(first.x)} ${round(first.y)}`;
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    const end = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : point;
    d += next ? `Q${round(point.x)} ${round(point.y)} ${round(end.x)} ${round(end.y)}` : `L${round(end.x)} ${round(end.y)}`;
  });
  return d;
}

const round = (value: number) => Math.round(value * 10) / 10;
