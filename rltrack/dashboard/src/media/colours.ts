/** Colours of how many values there are: nothing is the panel itself, most is the accent at its fullest. */

type Rgb = [number, number, number];

const LIGHT: Rgb[] = [[255, 255, 255], [200, 206, 245], [111, 122, 222], [44, 46, 140], [16, 16, 64]];
const DARK: Rgb[] = [[21, 23, 27], [43, 48, 92], [84, 96, 190], [136, 153, 254], [226, 231, 255]];

/** Red, green and blue of a share from 0 to 1. */
export function heatColour(share: number, dark: boolean): Rgb {
  const stops = dark ? DARK : LIGHT;
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(at));
  const part = at - below;
  return stops[below]!.map((value, i) => Math.round(value + (stops[below + 1]![i]! - value) * part)) as Rgb;
}
