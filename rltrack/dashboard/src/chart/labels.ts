/** Names at line ends: where they go, and how short they may be. */

export interface EndLabel {
  run: string;
  text: string;
  x: number;
  y: number;
  width: number;
}

/** Move labels that would overlap, each to the nearest free place inside [top, bottom]. */
export function spread(labels: EndLabel[], height: number, top: number, bottom: number): EndLabel[] {
  const placed: EndLabel[] = [];
  for (const label of [...labels].sort((a, b) => a.y - b.y)) {
    const wanted = Math.min(bottom, Math.max(top, label.y));
    const beside = placed.filter((other) => other.x < label.x + label.width && label.x < other.x + other.width);
    const y = [wanted, ...beside.flatMap((other) => [other.y + height, other.y - height])]
      .filter((place) => place >= top && place <= bottom)
      .filter((place) => beside.every((other) => Math.abs(other.y - place) >= height))
      .sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0];
    // Where no place is left, no label is better than one on top of another.
    if (y !== undefined) placed.push({ ...label, y });
  }
  return placed;
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
