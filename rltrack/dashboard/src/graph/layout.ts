/** Where the boxes of a graph stand. Dagre is a chunk of its own. */

import { Graph, layout } from "@dagrejs/dagre";
import type { Shown } from "./modules";

export interface Placed {
  width: number;
  height: number;
  /** By the name of a box or frame: its middle and its size. */
  boxes: Map<string, { x: number; y: number; width: number; height: number }>;
  edges: { from: string; to: string; points: { x: number; y: number }[] }[];
}

export const BOX = { width: 168, height: 44 };

export function placed(shown: Shown): Placed {
  const graph = new Graph({ compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 34, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of shown.frames) graph.setNode(name, {});
  for (const name of shown.boxes) graph.setNode(name, { ...BOX });
  for (const [name, frame] of shown.parent) graph.setParent(name, frame);
  for (const [from, to] of shown.edges) graph.setEdge(from, to);
  layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    boxes: new Map(
      [...shown.frames, ...shown.boxes].map((name) => {
        const { x, y, width, height } = graph.node(name) as { x: number; y: number; width: number; height: number };
        return [name, { x, y, width, height }];
      }),
    ),
    edges: shown.edges.map(([from, to]) => ({ from, to, points: (graph.edge(from, to) as { points: { x: number; y: number }[] }).points })),
  };
}
