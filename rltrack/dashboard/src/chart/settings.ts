/** What is the same for all charts of a page, and what one chart makes of it. */

import type { SeriesLoader } from "../server/loader";
import type { BandChoice, Hover, Zoom } from "../state/url";
import type { Chart } from "./sections";
import type { SmoothKind } from "./smoothing";
import type { PanelSetup } from "./layout";

export interface ChartSettings {
  series: SeriesLoader;
  x: string;
  logX: boolean;
  logY: boolean;
  /** How groups are drawn. */
  band: BandChoice;
  /** Of the runs' history, or of their machines' samples. */
  stream: "default" | "system";
  smoothing: number;
  smoothKind: SmoothKind;
  /** Whether y reaches to every value. */
  outliers: boolean;
  hover: Hover;
  /** The run that others are compared with: its lines have a style of their own. */
  baseline: string | null;
  zoom: Zoom | null;
  /** All metrics by name, to choose from. */
  keys: string[];
  onzoom: (zoom: Zoom | null) => void;
  /** Change one chart; `undefined` takes a change back. */
  onsetup: (id: string, change: Partial<PanelSetup>) => void;
  onremove: (id: string) => void;
}

export type Own = Pick<ChartSettings, "x" | "logX" | "logY" | "smoothing" | "smoothKind" | "outliers">;

/** How one chart is drawn: as all are, but for what was changed about it. */
export function ownSettings(settings: ChartSettings, { setup }: Chart): Own {
  return {
    x: setup.x ?? settings.x,
    logX: setup.logX ?? settings.logX,
    logY: setup.logY ?? settings.logY,
    smoothing: setup.smoothing ?? settings.smoothing,
    smoothKind: setup.smoothKind ?? settings.smoothKind,
    outliers: setup.outliers ?? settings.outliers,
  };
}
