/** The lines of a run's processes, as answers bring them: in their order, and each only once. */

import type { ConsoleAnswer } from "../server/types";

export interface LogLine {
  writer: string;
  number: number;
  text: string;
  time: number;
  error: boolean;
}

/** So many last lines of each process may still change, as a progress bar does. */
export const REACH = 64;

export class Console {
  #byWriter = new Map<string, LogLine[]>();
  leftOut = 0;

  /** From which line on each process is to be asked. */
  get after(): Record<string, number> {
    const after: Record<string, number> = {};
    for (const [writer, lines] of this.#byWriter) {
      after[writer] = Math.max(lines[0]!.number, lines.at(-1)!.number + 1 - REACH);
    }
    return after;
  }

  get writers(): string[] {
    return [...this.#byWriter.keys()];
  }

  /** Take an answer; whether anything is new. */
  take(answer: ConsoleAnswer): boolean {
    if (this.#byWriter.size === 0) this.leftOut = answer.left_out;
    let news = false;
    for (let i = 0; i < answer.text.length; i++) {
      const line: LogLine = {
        writer: answer.writers[answer.writer[i]!]!,
        number: answer.number[i]!,
        text: answer.text[i]!,
        time: answer.time[i]!,
        error: answer.error[i]!,
      };
      let lines = this.#byWriter.get(line.writer);
      if (!lines) this.#byWriter.set(line.writer, (lines = []));
      const at = line.number - (lines[0]?.number ?? line.number);
      if (lines[at]?.text === line.text) continue;
      lines[at] = line;
      news = true;
    }
    return news;
  }

  /** The lines of one process, or of all by time. */
  lines(writer: string | null): LogLine[] {
    if (writer !== null) return (this.#byWriter.get(writer) ?? []).filter(Boolean);
    const all = [...this.#byWriter.values()].flat().filter(Boolean);
    return this.#byWriter.size > 1 ? all.sort((a, b) => a.time - b.time) : all;
  }
}
