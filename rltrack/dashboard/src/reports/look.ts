/** How a chart of some page is said in a report. */

import type { Own } from "../chart/settings";
import { formatView, DEFAULT_VIEW, type Route, type View } from "../state/url";

/** What a chart shows as the look of a panel: on a project's page the runs that it chooses, elsewhere those that are drawn. */
export function lookOfChart(route: Route, view: View, own: Own, runs: string[]): string {
  const chosen: Partial<View> =
    route.page === "project"
      ? { runFilter: view.runFilter, group: view.group, dash: view.dash, facet: view.facet, selection: view.selection, sort: view.sort, tints: view.tints }
      : { selection: { base: "none", on: [...new Set(runs)], off: [] } };
  const { x, logX, logY, smoothing, smoothKind, outliers } = own;
  const { band, zoom, baseline } = view;
  return formatView({ ...DEFAULT_VIEW, ...chosen, x, logX, logY, smoothing, smoothKind, outliers, band, zoom, baseline }).replace(/^\?/, "");
}
