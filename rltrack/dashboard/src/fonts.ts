/** The two typefaces, latin letters alone. A canvas does not redraw when a font arrives, so charts wait. */

export const CHART_FONT = '"Inter Variable", system-ui, sans-serif';

/** Settles also when a font cannot be loaded: charts are then drawn in the system's. */
export const fontsReady: Promise<unknown> = Promise.race([
  document.fonts.load(`12px ${CHART_FONT}`),
  new Promise((resolve) => setTimeout(resolve, 1500)),
]).catch(() => undefined);
