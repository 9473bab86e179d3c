/**
 * Ten colours for each theme, told apart also with a colour-vision deficiency.
 *
 * They were found by a search for the greatest smallest distance; changing one by
 * eye loses that. A run's slot never changes, so hiding a run recolours no other.
 */

const LIGHT = [
  "#4f5cda", "#ae692b", "#33977d", "#850074", "#b19600", "#339bf9", "#b51447", "#075f00", "#5b2aab", "#696682",
];
const DARK = [
  "#3e81d2", "#e68d2b", "#00f0e2", "#c692b7", "#f3ce4b", "#69c8fb", "#ce5d42", "#a3c693", "#8899fe", "#817e8b",
];
/** Solid, dash, dot, dash-dot, long dash; in CSS pixels. */
const DASHES = [[], [6, 4], [1.5, 3], [7, 3, 1.5, 3], [12, 4]];

export interface LineStyle {
  colour: string;
  dash: number[];
}

/** The style of a slot; a dash that was chosen stands for itself. */
export function lineStyle(slot: number, dark: boolean, dash: number | null = null): LineStyle {
  const colours = dark ? DARK : LIGHT;
  if (dash !== null) return { colour: colours[slot % colours.length]!, dash: DASHES[dash % DASHES.length]! };
  return {
    colour: colours[slot % colours.length]!,
    dash: DASHES[Math.floor(slot / colours.length) % DASHES.length]!,
  };
}
