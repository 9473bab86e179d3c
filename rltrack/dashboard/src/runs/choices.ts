/** What a cell of the table offers: to keep or leave out the runs that are like it. */

import { conditionText } from "./condition";
import { isAggregate, labelOf, type Cell } from "./fields";

export interface Choice {
  says: string;
  condition: string;
}

const ASKED = new Set(["id", "name", "state", "group", "job_type", "host", "notes"]);
const ofRuns = (field: string) => /^(config|summary)\./.test(field) || isAggregate(field);

/** Conditions that a value suggests, the likeliest first; none where the server knows no such field. */
export function choicesOf(field: string, value: Cell): Choice[] {
  const label = labelOf(field);
  const one = (says: string, sign: string, text: string) => ({ says, condition: conditionText(field, sign, text) });
  if (field === "tags") return value === null ? [] : String(value).split(", ").map((tag) => one(`Only runs tagged ${tag}`, "has", tag));
  if (!ASKED.has(field) && !ofRuns(field)) return [];
  if (value === null) {
    const exists = conditionText(field, "exists", "");
    return ofRuns(field) ? [{ says: `Only runs with ${label}`, condition: exists }, { says: `Only runs without ${label}`, condition: `not ${exists}` }] : [];
  }
  if (typeof value === "number" && !Number.isFinite(value)) return [];
  const text = String(value);
  const shown = String(value).length > 40 ? `${String(value).slice(0, 39)}…` : String(value);
  const alike = [one(`Only ${label} = ${shown}`, "=", text), one(`Without ${label} = ${shown}`, "!=", text)];
  return typeof value === "string" ? alike : [...alike, one(`Only ${label} ≥ ${shown}`, ">=", text), one(`Only ${label} ≤ ${shown}`, "<=", text)];
}
