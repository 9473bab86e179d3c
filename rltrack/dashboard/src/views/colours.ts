/** The colours of runs and groups that somebody chose or froze, as the server keeps them for all. */

type Slots = Record<string, number>;

export interface Colours {
  runs: Slots;
  groups: Slots;
  /** What all had when they were frozen; null: they are not. */
  frozen: { runs: Slots; groups: Slots } | null;
}

export const NO_COLOURS: Colours = { runs: {}, groups: {}, frozen: null };

/** What a document says; whatever in it is not what it may be is left out. */
export function parseColours(body: unknown): Colours {
  const frozen = part(body, "frozen");
  return {
    runs: slots(part(body, "runs")),
    groups: slots(part(body, "groups")),
    frozen: isObject(frozen) ? { runs: slots(frozen.runs), groups: slots(frozen.groups) } : null,
  };
}

/** With other colours of some runs or groups; null: those that they have by themselves. */
export function withChosen(colours: Colours, of: "runs" | "groups", chosen: Record<string, number | null>): Colours {
  const next = { ...colours[of] };
  for (const [key, slot] of Object.entries(chosen)) {
    if (slot === null) delete next[key];
    else next[key] = slot;
  }
  return { ...colours, [of]: next };
}

/** What was chosen for some of them; null: nothing. */
export function chosenOf(colours: Colours, of: "runs" | "groups", keys: string[]): Record<string, number | null> {
  return Object.fromEntries(keys.map((key) => [key, colours[of][key] ?? null]));
}

/**
 * The slots of groups, in their order.
 *
 * Each has its place as its slot. While colours are frozen, groups that came later take slots that
 * no frozen one has, so that no colour changes its meaning.
 */
export function slotsOfGroups(keys: string[], { groups, frozen }: Colours): Map<string, number> {
  const kept = frozen?.groups ?? {};
  const taken = new Set(keys.map((key) => kept[key]).filter((slot) => slot !== undefined));
  let next = 0;
  return new Map(
    keys.map((key, place) => {
      if (groups[key] !== undefined) return [key, groups[key]];
      if (!frozen) return [key, place];
      if (kept[key] !== undefined) return [key, kept[key]];
      while (taken.has(next)) next += 1;
      return [key, next++];
    }),
  );
}

function slots(found: unknown): Slots {
  if (!isObject(found)) return {};
  return Object.fromEntries(
    Object.entries(found).filter((one): one is [string, number] => Number.isInteger(one[1]) && (one[1] as number) >= 0),
  );
}

function part(body: unknown, name: string): unknown {
  return isObject(body) ? body[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
