/** What is the same for all charts of a page. */

import type { SeriesLoader } from "../server/loader";
import type { BandChoice, Zoom } from "../state/url";

export interface ChartSettings {
  series: SeriesLoader;
  x: string;
  logY: boolean;
  /** How groups are drawn. */
  band: BandChoice;
  /** Of the runs' history, or of their machines' samples. */
  stream: "default" | "system";
  smoothing: number;
  zoom: Zoom | null;
  onzoom: (zoom: Zoom | null) => void;
}
