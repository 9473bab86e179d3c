/** Conditions as text: what the filter builder writes, in the words that the server reads. */

export const COMPARISONS: [string, string][] = [
  ["=", "is"],
  ["!=", "is not"],
  ["<", "is below"],
  ["<=", "is at most"],
  [">", "is above"],
  [">=", "is at least"],
  ["~", "matches"],
  ["has", "has"],
  ["exists", "exists"],
];

/** `config.lr < 1e-3`, `name ~ "^ppo"`, `exists(config.lr)`. */
export function conditionText(field: string, sign: string, value: string): string {
  const named = /^([a-z_]+\()?[^\s"'=<>~!(),]+\)?$/.test(field) ? field : `"${field.replace(/["\\]/g, "\\$&")}"`;
  return sign === "exists" ? `exists(${named})` : `${named} ${sign} ${quoted(value)}`;
}

/** Words that would be read as something else stand in quotes. */
export function quoted(value: string): string {
  return /^[\w.+-]+$/.test(value) && !/^(and|or|not|has|in|is|exists|ago)$/i.test(value)
    ? value
    : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** A filter with one more condition. */
export function joined(filter: string, condition: string): string {
  const before = filter.trim();
  if (!before) return condition;
  return / or /i.test(before) ? `(${before}) and ${condition}` : `${before} and ${condition}`;
}
