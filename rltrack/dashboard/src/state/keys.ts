/** Single-key shortcuts, and the list of them that `?` shows. */

export const KEY_LIST: [string, string][] = [
  ["/", "filter runs"],
  ["m", "filter metrics"],
  ["f", "fill the screen with the chart under the pointer"],
  ["← →", "previous or next chart, while one fills the screen"],
  ["z Z", "the zoom before, and the one after it"],
  ["r", "reset the zoom (as does a double click)"],
  ["[ ]", "the step before or after, of all media (as Ctrl ← →; ten: Ctrl ↓ ↑)"],
  ["l", "fold or unfold the run table (as Ctrl J)"],
  ["w", "the run table alone"],
  ["j k", "the next or previous row"],
  ["Space", "draw or hide the row"],
  ["x", "choose the row, to do something with it"],
  ["Enter", "open the run, or unfold the group"],
  ["g", "group by everything but the seed, or not"],
  ["d", "compare the chosen runs, or those that are drawn"],
  ["Ctrl Z", "take back what was changed last"],
  ["Ctrl Shift Z", "do it again (as Ctrl Y)"],
  ["t", "light or dark"],
  ["?", "this list"],
  ["Esc", "close, or leave a box"],
];

/** What a box of text does by itself. */
const OF_BOXES = new Set(["Ctrl+z", "Ctrl+Shift+z", "Ctrl+y"]);
const BOX = "input:not([type=checkbox], [type=radio], [type=range]), textarea, [contenteditable]";

/** Act on keys until the function that comes back is called. Typing in a box is left alone. */
export function onKeys(actions: Record<string, () => void>): () => void {
  const press = (event: KeyboardEvent) => {
    if (event.altKey || event.defaultPrevented) return;
    const held = event.ctrlKey || event.metaKey;
    const target = event.target as HTMLElement;
    // With Ctrl nothing is typed, so such keys act in boxes, too.
    if (!held && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
    // Space and Enter press the button that they are on.
    if ((event.key === " " || event.key === "Enter") && target.closest("button, a, input, summary")) return;
    const shift = held && event.shiftKey ? "Shift+" : "";
    const key = held ? `Ctrl+${shift}${event.key.toLowerCase()}` : event.key;
    const action = actions[key];
    if (!action || (OF_BOXES.has(key) && target.closest(BOX))) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}
