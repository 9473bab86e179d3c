/** What is the same for all charts of a page. */

import type { SeriesLoader } from "../server/loader";
import type { Zoom } from "../state/url";

export interface ChartSettings {
  series: SeriesLoader;
  x: string;
  logY: boolean;
  smoothing: number;
  zoom: Zoom | null;
  onzoom: (zoom: Zoom | null) => void;
}
