/** In what runs differ: their values side by side, the first run as the baseline. */

import { asNumber, flatten } from "../runs/values";
import type { Json } from "../server/types";

export interface Difference {
  key: string;
  /** Of each run, undefined where it has none. */
  values: (Json | undefined)[];
  same: boolean;
  /** Of each run, its number less that of the baseline; null where that makes no sense. */
  deltas: (number | null)[];
}

/** Every key that some run has, in order; nested ones as dotted paths. */
export function differences(of: { [key: string]: Json }[]): Difference[] {
  const flats = of.map((one) => new Map(flatten(one)));
  const keys = [...new Set(flats.flatMap((flat) => [...flat.keys()]))].sort();
  return keys.map((key) => {
    const values = flats.map((flat) => flat.get(key));
    const texts = new Set(values.map((value) => (value === undefined ? "" : JSON.stringify(value))));
    const base = asNumber(values[0]);
    const deltas = values.map((value, i) => {
      const number = asNumber(value);
      return i === 0 || base === null || number === null || number === base ? null : number - base;
    });
    return { key, values, same: texts.size === 1, deltas };
  });
}
