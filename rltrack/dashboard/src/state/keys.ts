/** Which keys act at the moment, and what else can be done. */

import { keyOf, SHORTCUTS, type Key, type Shortcut } from "./shortcuts";

type Actions = Partial<Record<Key, () => void>>;

/** Something that can be done now, in the box that finds everything. */
export interface Command {
  says: string;
  key: string | null;
  act: () => void;
}

const acting = new Set<Actions>();
const offered = new Set<readonly Command[]>();

/** What a box of text does by itself. */
const OF_BOXES = new Set(["Ctrl+z", "Ctrl+Shift+z", "Ctrl+y"]);
const BOX = "input:not([type=checkbox], [type=radio], [type=range]), textarea, [contenteditable]";

/**
 * Act on keys until the function that comes back is called. Typing in a box is left alone.
 *
 * With `dialog`, they act in it; else only the keys with Ctrl act while a dialog is open.
 */
export function onKeys(actions: Actions, dialog?: HTMLElement): () => void {
  const press = (event: KeyboardEvent) => {
    const key = keyOf(event);
    if (key === null || event.defaultPrevented) return;
    const held = event.ctrlKey || event.metaKey;
    const target = event.target as HTMLElement;
    // With Ctrl nothing is typed, so such keys act in boxes, too.
    if (!held && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (!held && target.closest("dialog, [role=dialog]") !== (dialog ?? null)) return;
    // Space and Enter press the button that they are on.
    if ((event.key === " " || event.key === "Enter") && target.closest("button, a, input, summary")) return;
    const action = actions[key as Key];
    if (!action || (OF_BOXES.has(key) && target.closest(BOX))) return;
    event.preventDefault();
    action();
  };
  acting.add(actions);
  addEventListener("keydown", press);
  return () => {
    acting.delete(actions);
    removeEventListener("keydown", press);
  };
}

/** Offer to do something that has no key, until the function that comes back is called. */
export function offer(commands: readonly Omit<Command, "key">[]): () => void {
  const mine = commands.map((command) => ({ ...command, key: null }));
  offered.add(mine);
  return () => offered.delete(mine);
}

/** The shortcuts that act on this page, as it is now. */
export function shortcutsNow(): Shortcut[] {
  return SHORTCUTS.filter(({ keys }) => keys.some((key) => actionOf(key)));
}

/** All that can be done on this page, as it is now. */
export function commandsNow(): Command[] {
  const keyed = (SHORTCUTS as readonly Shortcut[])
    .filter(({ small }) => !small)
    .flatMap(({ keys, says }) => {
      const act = keys.map((key) => actionOf(key as Key)).find(Boolean);
      return act ? [{ says, key: keys[0]!, act }] : [];
    });
  return [...[...offered].flat(), ...keyed];
}

/** Of several that act on a key, the last that came: it belongs to what was opened last. */
function actionOf(key: Key): (() => void) | undefined {
  return [...acting].reverse().map((actions) => actions[key]).find(Boolean);
}
