/** Colours and weights that a terminal's escape sequences set, as spans of text. */

export interface Span {
  text: string;
  /** Of the sixteen colours of a terminal, 0 to 15, or as `rgb(…)`; null for the page's own. */
  colour: number | string | null;
  bold: boolean;
  dim: boolean;
  underline: boolean;
}

type Look = Omit<Span, "text">;
const PLAIN: Look = { colour: null, bold: false, dim: false, underline: false };
// eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
const ESCAPE = /\x1b\[([0-9;:]*)m|\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;

/** The text as it is read: without escape sequences. */
export function plainText(line: string): string {
  return line.includes("\x1b") ? line.replace(ESCAPE, "") : line;
}

export function spansOf(line: string): Span[] {
  if (!line.includes("\x1b")) return [{ text: line, ...PLAIN }];
  const spans: Span[] = [];
  let look = PLAIN;
  let from = 0;
  for (const found of line.matchAll(ESCAPE)) {
    if (found.index > from) spans.push({ text: line.slice(from, found.index), ...look });
    from = found.index + found[0].length;
    if (found[1] !== undefined) look = changed(look, found[1].split(/[;:]/).map(Number));
  }
  if (from < line.length) spans.push({ text: line.slice(from), ...look });
  return spans;
}

function changed(before: Look, codes: number[]): Look {
  let look = before;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code === 0) look = PLAIN;
    else if (code === 1) look = { ...look, bold: true };
    else if (code === 2) look = { ...look, dim: true };
    else if (code === 4) look = { ...look, underline: true };
    else if (code === 22) look = { ...look, bold: false, dim: false };
    else if (code === 24) look = { ...look, underline: false };
    else if (code === 39) look = { ...look, colour: null };
    else if (code >= 30 && code <= 37) look = { ...look, colour: code - 30 };
    else if (code >= 90 && code <= 97) look = { ...look, colour: code - 82 };
    else if (code === 38 && codes[i + 1] === 5) {
      look = { ...look, colour: ofCube(codes[i + 2] ?? 0) };
      i += 2;
    } else if (code === 38 && codes[i + 1] === 2) {
      look = { ...look, colour: `rgb(${codes.slice(i + 2, i + 5).map((one) => one & 255).join(" ")})` };
      i += 4;
    } else if (code === 48) i += codes[i + 1] === 5 ? 2 : 4; // a ground of its own would fight the theme
  }
  return look;
}

/** A colour of the 256: the sixteen, a cube of six shades each, and greys. */
function ofCube(code: number): number | string {
  if (code < 16) return code;
  if (code > 231) return `rgb(${Array(3).fill(8 + 10 * (code - 232)).join(" ")})`;
  const shade = (part: number) => (part ? 55 + 40 * part : 0);
  const cube = code - 16;
  return `rgb(${shade(Math.floor(cube / 36))} ${shade(Math.floor(cube / 6) % 6)} ${shade(cube % 6)})`;
}
