/** What a saved view holds, and whether a page still looks like it. */

import { isPlace } from "../state/steps";

/** What is kept of a query: how the page looks, and not where on it one is. In one order, so that equal views are equal texts. */
export function lookOf(query: string): string {
  const params = new URLSearchParams(query);
  for (const name of [...params.keys()]) if (isPlace(name) || name === "view") params.delete(name);
  params.sort();
  return params.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
}

export function isChanged(saved: string, query: string): boolean {
  return lookOf(saved) !== lookOf(query);
}

/** The query of a page that shows a saved view, at the place where one is. */
export function queryOf(id: string, saved: string, now = ""): string {
  const places = new URLSearchParams([...new URLSearchParams(now)].filter(([name]) => isPlace(name))).toString();
  return `?${[`view=${encodeURIComponent(id)}`, lookOf(saved), places].filter(Boolean).join("&")}`;
}

/** Whether a link says nothing of how the page is to look, but for the view that it names. */
export function isBare(query: string): boolean {
  return lookOf(query) === "";
}

/** A name that none of the others has: `plain`, `plain 2`. */
export function freeName(wanted: string, names: string[]): string {
  if (!names.includes(wanted)) return wanted;
  const stem = wanted.replace(/ \d+$/, "");
  let number = 2;
  while (names.includes(`${stem} ${number}`)) number += 1;
  return `${stem} ${number}`;
}
