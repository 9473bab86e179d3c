/**
 * The text of a report: markdown, and in it blocks that are panels.
 *
 *     ```panel
 *     chart: rollout/ep_rew_mean, eval/mean_reward
 *     look: group=but:seed&x=global_step
 *     title: Both go up
 *     ```
 *
 * `look` is what stands behind the `?` of a project's page: filter, groups, axis, smoothing, runs.
 */

export interface Panel {
  kind: "chart" | "runs" | "media" | "number";
  /** Metrics of a chart, columns of a table of runs, the key of media, the field of a number. */
  of: string[];
  look: string;
  title: string;
  /** Of a chart: how many rows of charts it takes. */
  tall: number;
  /** Of a table: at most so many runs. */
  rows: number;
  /** Of media: up to which step; null: the latest. */
  step: number | null;
}

export type Piece =
  | { kind: "text"; id: string; text: string }
  | { kind: "panel"; id: string; panel: Panel }
  /** Lines count from 1, in the whole report. */
  | { kind: "mistake"; id: string; line: number; told: string; text: string };

const KINDS = ["chart", "runs", "media", "number"] as const;
const MOST_TALL = 4;
const MOST_ROWS = 1000;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;

const NEW: Omit<Panel, "kind" | "of"> = { look: "", title: "", tall: 1, rows: 10, step: null };

/** A report in pieces. Those that say the same keep their id when others change: a chart is not made anew for a comma. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  const seen = new Map<string, number>();
  const idOf = (content: string) => {
    const before = seen.get(content) ?? 0;
    seen.set(content, before + 1);
    return `${before} ${content}`;
  };
  const lines = text.split("\n");
  let prose: string[] = [];
  const endProse = () => {
    const content = prose.join("\n");
    if (content.trim()) pieces.push({ kind: "text", id: idOf(content), text: content });
    prose = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const opening = FENCE.exec(lines[i]!);
    if (!opening) {
      prose.push(lines[i]!);
      continue;
    }
    const begun = i;
    const end = closing(lines, i, opening[1]!);
    const body = lines.slice(i + 1, end);
    i = end;
    if (opening[2] !== "panel") {
      prose.push(...lines.slice(begun, end + 1));
      continue;
    }
    endProse();
    const content = body.join("\n");
    const panel = parsePanel(body);
    if ("told" in panel) pieces.push({ kind: "mistake", id: idOf(content), line: begun + 2 + panel.line, told: panel.told, text: content });
    else pieces.push({ kind: "panel", id: idOf(content), panel });
  }
  endProse();
  return pieces;
}

/** The line that ends a block: the last one where nothing does. */
function closing(lines: string[], opened: number, fence: string): number {
  for (let i = opened + 1; i < lines.length; i++) {
    const line = lines[i]!.trim();
    if (line.startsWith(fence) && line.replaceAll(fence[0]!, "") === "") return i;
  }
  return lines.length;
}

function parsePanel(lines: string[]): Panel | { line: number; told: string } {
  let kind: Panel["kind"] | null = null;
  let of: string[] = [];
  const rest = { ...NEW };
  for (const [line, text] of lines.entries()) {
    if (!text.trim()) continue;
    const found = /^\s*(\w+)\s*:\s*(.*?)\s*$/.exec(text);
    if (!found) return { line, told: `"${text.trim()}" is no line of a panel; write name: value` };
    const [name, value] = [found[1]!, found[2]!];
    if (isKind(name)) {
      if (kind !== null) return { line, told: `a panel is of one kind; this one is a ${kind} already` };
      kind = name;
      of = name === "chart" || name === "runs" ? listOf(value) : [value].filter(Boolean);
      if (!of.length) return { line, told: `${name} of what? ${EXAMPLES[name]}` };
    } else if (name === "look") rest.look = value.replace(/^\?/, "");
    else if (name === "title") rest.title = value;
    else if (name === "tall" || name === "rows") {
      const most = name === "tall" ? MOST_TALL : MOST_ROWS;
      const number = Number(value);
      if (!Number.isInteger(number) || number < 1 || number > most) return { line, told: `${name} is a whole number from 1 to ${most}` };
      rest[name] = number;
    } else if (name === "step") {
      if (!value || !Number.isFinite(Number(value))) return { line, told: `step is a number, not "${value}"` };
      rest.step = Number(value);
    } else return { line, told: `a panel has no "${name}"; it has ${[...KINDS, ...Object.keys(NEW)].join(", ")}` };
  }
  if (kind === null) return { line: 0, told: `a panel of what? One line says chart, runs, media or number: ${EXAMPLES.chart}` };
  return { kind, of, ...rest };
}

/** What stands between commas, but for those inside of an expression, as `ema(loss, 0.99)` has, or of a quoted name. */
export function listOf(text: string): string[] {
  const parts = [""];
  let depth = 0;
  let quoted = false;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    else if (!quoted && char === "(") depth += 1;
    else if (!quoted && char === ")") depth -= 1;
    if (char === "," && depth <= 0 && !quoted) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

const EXAMPLES: Record<Panel["kind"], string> = {
  chart: "chart: rollout/ep_rew_mean",
  runs: "runs: config.lr, summary.return",
  media: "media: eval/video",
  number: "number: summary.return",
};

function isKind(name: string): name is Panel["kind"] {
  return (KINDS as readonly string[]).includes(name);
}

/** A panel as the block that says so. */
export function blockOf(panel: Partial<Panel> & Pick<Panel, "kind" | "of">): string {
  const told = [`${panel.kind}: ${panel.of.join(", ")}`];
  for (const name of ["look", "title", "tall", "rows", "step"] as const) {
    const value = panel[name];
    if (value !== undefined && value !== NEW[name]) told.push(`${name}: ${value}`);
  }
  return ["```panel", ...told, "```"].join("\n");
}

/** A text with a block at a place in it, on lines of its own; and where it goes on behind the block. */
export function withBlock(text: string, at: number, block: string): { text: string; at: number } {
  const [before, after] = [text.slice(0, at).trimEnd(), text.slice(at).trimStart()];
  const head = `${before}${before && "\n\n"}${block}\n`;
  return { text: `${head}${after && "\n"}${after}`, at: head.length };
}
