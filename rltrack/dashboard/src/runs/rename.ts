/** New names and tags of many runs at once. */

import type { Edit, Run } from "../server/types";
import { flat } from "./fields";
import { inline } from "./values";

/**
 * Names after a pattern: `{name}` is the old one, `{n}` counts from 1, `{config.lr}` or `{lr}` is of the config.
 * Runs whose name would be empty or stay are left out.
 */
export function renamed(runs: Run[], pattern: string): Edit[] {
  return runs.flatMap((run, i) => {
    const name = pattern
      .replace(/\{([^{}]+)\}/g, (whole, field: string) => {
        if (field === "name") return run.name;
        if (field === "id") return run.id;
        if (field === "n") return String(i + 1);
        const value = flat(run, "config").get(field.replace(/^config\./, ""));
        return value === undefined ? whole : inline(value);
      })
      .trim();
    return name && name !== run.name ? [{ run: run.id, facts: { name } }] : [];
  });
}

/** Tags that are put on or taken off; runs that have it so already are left out. */
export function tagged(runs: Run[], tag: string, on: boolean): Edit[] {
  return runs
    .filter((run) => run.tags.includes(tag) !== on)
    .map((run) => ({
      run: run.id,
      facts: { tags: on ? [...run.tags, tag] : run.tags.filter((other) => other !== tag) },
    }));
}
