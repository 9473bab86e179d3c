/** Single-key shortcuts, and the list of them that `?` shows. */

export const KEY_LIST: [string, string][] = [
  ["/", "filter runs"],
  ["m", "filter metrics"],
  ["f", "fill the screen with the chart under the pointer"],
  ["← →", "previous or next chart, while one fills the screen"],
  ["r", "reset the zoom (as does a double click)"],
  ["l", "fold or unfold the run list"],
  ["t", "light or dark"],
  ["?", "this list"],
  ["Esc", "close, or leave a box"],
];

/** Act on keys until the function that comes back is called. Typing in a box is left alone. */
export function onKeys(actions: Record<string, () => void>): () => void {
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.closest("input, textarea, select, [contenteditable], dialog")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}
