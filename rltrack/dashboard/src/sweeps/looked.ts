/** How the page looks at rows: all that is set on it, as it stands in the URL. */

import { formatList, parseList } from "../state/url";
import type { Goal, Order } from "./rows";

export interface Looked {
  /** What rows are judged by; null: the sweep's own metric. */
  metric: string | null;
  goal: Goal | null;
  /** Axes that were put in another order. */
  order: string[];
  /** Parameters that have an axis; null: the first few that differ. */
  shown: string[] | null;
  /** Scales that were chosen by hand, by axis. */
  logs: Record<string, boolean>;
  /** What the brush on each axis means; see `meaning`. */
  brushes: Record<string, string>;
  curved: boolean;
  sort: Order;
  slice: string | null;
  plane: [string, string] | null;
  method: "forest" | "fanova" | "ped_anova";
  tab: string;
}

export const METHODS = ["forest", "fanova", "ped_anova"] as const;

export function parseLooked(params: Record<string, string>): Looked {
  const list = (name: string) => parseList(params[name] ?? "");
  const sort = params.sort ?? "";
  const plane = list("plane");
  return {
    metric: params.metric || null,
    goal: params.goal === "minimize" || params.goal === "maximize" ? params.goal : null,
    order: list("order"),
    shown: params.shown ? list("shown") : null,
    logs: Object.fromEntries(list("log").map((one) => [one.slice(1), one.startsWith("+")])),
    brushes: Object.fromEntries(
      list("brush").flatMap((one) => {
        const at = one.indexOf("=", 1);
        return at > 0 ? [[one.slice(0, at), one.slice(at + 1)]] : [];
      }),
    ),
    curved: params.curved === "1",
    sort: sort ? { by: sort.replace(/^-/, ""), down: sort.startsWith("-") } : { by: "trial", down: true },
    slice: params.slice || null,
    plane: plane.length === 2 ? [plane[0]!, plane[1]!] : null,
    method: METHODS.find((one) => one === params.method) ?? "forest",
    tab: params.tab ?? "",
  };
}

export function formatLooked(looked: Looked): Record<string, string> {
  return {
    metric: looked.metric ?? "",
    goal: looked.goal ?? "",
    order: formatList(looked.order),
    shown: formatList(looked.shown ?? []),
    log: formatList(Object.entries(looked.logs).map(([key, on]) => `${on ? "+" : "-"}${key}`)),
    brush: formatList(Object.entries(looked.brushes).map(([key, text]) => `${key}=${text}`)),
    curved: looked.curved ? "1" : "",
    sort: looked.sort.by === "trial" && looked.sort.down ? "" : `${looked.sort.down ? "-" : ""}${looked.sort.by}`,
    slice: looked.slice ?? "",
    plane: looked.plane ? formatList(looked.plane) : "",
    method: looked.method === "forest" ? "" : looked.method,
    tab: looked.tab,
  };
}
