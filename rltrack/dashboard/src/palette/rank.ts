/** How well a text fits what was typed, and which letters of it. */

export interface Fit {
  score: number;
  /** The letters that fit, as half-open ranges in order. */
  marks: [number, number][];
}

const LONGEST = 300;
const AT_START = 100;
const AT_WORD = 80;
const INSIDE = 60;
const SCATTERED = 35;

/** All words of the query must fit, each as a part of the text, or by its letters in order; null: they do not. */
export function fit(query: string, text: string): Fit | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const low = text.slice(0, LONGEST).toLowerCase();
  let score = 0;
  const marks: [number, number][] = [];
  for (const word of words) {
    const found = whole(word, low, text) ?? scattered(word, low, text);
    if (!found) return null;
    score += found.score;
    marks.push(...found.marks);
  }
  // Of two texts that fit alike, the shorter is more of what was typed.
  return { score: words.length ? score / words.length - low.length / 20 : 0, marks: joined(marks) };
}

function whole(word: string, low: string, text: string): Fit | null {
  let best: Fit | null = null;
  for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + 1)) {
    const score = at === 0 ? AT_START : startsWord(text, at) ? AT_WORD : INSIDE;
    if (!best || score > best.score) best = { score, marks: [[at, at + word.length]] };
  }
  return best;
}

/** The letters in order, as close together and as often at the start of a word as can be. */
function scattered(word: string, low: string, text: string): Fit | null {
  let best: Fit | null = null;
  for (let first = low.indexOf(word[0]!); first >= 0; first = low.indexOf(word[0]!, first + 1)) {
    const marks: [number, number][] = [];
    let at = first;
    let score = SCATTERED;
    for (const letter of word) {
      let next = low.indexOf(letter, at);
      if (next < 0) return best;
      // A letter that begins a word is rather meant than one inside of the word before.
      for (let other = next; other >= 0 && other < at + 24; other = low.indexOf(letter, other + 1)) {
        if (other === at || startsWord(text, other)) {
          next = other;
          break;
        }
      }
      score += startsWord(text, next) ? 3 : -Math.min(6, next - at);
      marks.push([next, next + 1]);
      at = next + 1;
    }
    if (!best || score > best.score) best = { score, marks: joined(marks) };
  }
  return best;
}

function startsWord(text: string, at: number): boolean {
  if (at === 0) return true;
  const [before, here] = [text[at - 1]!, text[at]!];
  return !/[\p{L}\p{N}]/u.test(before) || (/\p{Lu}/u.test(here) && /\p{Ll}/u.test(before));
}

function joined(marks: [number, number][]): [number, number][] {
  const sorted = [...marks].sort(([a], [b]) => a - b);
  const parts: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = parts.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else parts.push([from, to]);
  }
  return parts;
}

/** A text in pieces, those that fit marked. */
export function pieces(text: string, marks: [number, number][]): { text: string; marked: boolean }[] {
  const parts: { text: string; marked: boolean }[] = [];
  let at = 0;
  for (const [from, to] of marks) {
    if (from > at) parts.push({ text: text.slice(at, from), marked: false });
    parts.push({ text: text.slice(from, to), marked: true });
    at = to;
  }
  if (at < text.length) parts.push({ text: text.slice(at), marked: false });
  return parts;
}
