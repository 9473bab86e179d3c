/** Colours of the page for what is drawn on a canvas; asked of the browser once, as that is slow. */

import { theme } from "../state/theme.svelte";

const known = new Map<string, string>();

/** Of a variable in `app.css`. */
export function colour(name: string): string {
  const key = `${name} ${theme.dark}`;
  let found = known.get(key);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(name);
    if (found) known.set(key, found);
  }
  return found;
}
