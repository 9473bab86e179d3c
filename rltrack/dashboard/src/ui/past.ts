/** What was typed into search boxes before, kept in this browser. */

const STORED = "rltrack-searches:";
const MOST = 20;
const LEAST_LETTERS = 2;

export function pastSearches(box: string): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(STORED + box) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** The newest first, each once. */
export function withSearch(past: string[], text: string): string[] {
  const searched = text.trim();
  if (searched.length < LEAST_LETTERS) return past;
  return [searched, ...past.filter((one) => one !== searched)].slice(0, MOST);
}

export function keepSearches(box: string, past: string[]): void {
  try {
    localStorage.setItem(STORED + box, JSON.stringify(past));
  } catch {
    // Storage may be forbidden; then nothing is remembered.
  }
}

/** Those to offer while something is typed: not what is there already. */
export function fitting(past: string[], text: string): string[] {
  const low = text.trim().toLowerCase();
  return past.filter((one) => one !== text && one.toLowerCase().includes(low));
}
