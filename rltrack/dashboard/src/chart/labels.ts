/** Names at line ends: where they go, and how short they may be. */

export interface EndLabel {
  run: string;
  text: string;
  x: number;
  y: number;
}

/** Move labels apart that would overlap, as little as needed, inside [top, bottom]. */
export function spread(labels: EndLabel[], height: number, top: number, bottom: number): EndLabel[] {
  const placed = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  let floor = top;
  for (const label of placed) {
    label.y = Math.max(label.y, floor);
    floor = label.y + height;
  }
  let ceiling = bottom;
  for (const label of placed.reverse()) {
    label.y = Math.min(label.y, ceiling);
    ceiling = label.y - height;
  }
  return placed.reverse();
}

/** Names without the words that all of them begin with: `ppo-hopper-3`, `ppo-hopper-4` are `3`, `4`. */
export function withoutSharedStart(names: string[]): string[] {
  if (names.length < 2 || names.every((name) => name.length <= 12)) return names;
  let shared = 0;
  for (let i = 0; ; i++) {
    const letter = names[0]![i];
    if (letter === undefined || names.some((name) => name[i] !== letter)) break;
    if ("-_/ .".includes(letter)) shared = i + 1;
  }
  return names.some((name) => name.length === shared) ? names : names.map((name) => name.slice(shared));
}

/** As much of a text as fits, by a measure of widths. */
export function fitted(text: string, width: number, measure: (text: string) => number): string {
  if (measure(text) <= width) return text;
  let end = text.length - 1;
  while (end > 1 && measure(`${text.slice(0, end)}…`) > width) end -= 1;
  return `${text.slice(0, end)}…`;
}
