/** Taking back what was done last, to the view or to runs, and doing it again. */

import { navigation } from "./navigation.svelte";
import { toast } from "./toast.svelte";

export function undoLast(): void {
  // What was done to runs has its way back in the toast, for as long as that is shown.
  const told = toast.told;
  if (told?.undo && told.button === "Undo" && told.at > (navigation.last?.at ?? 0)) return void toast.undo();
  const step = navigation.undo();
  toast.tell(step ? `Undone: ${step.label}` : "Nothing to undo here", step && (async () => redoLast()), false, "Redo");
}

export function redoLast(): void {
  const step = navigation.redo();
  toast.tell(step ? `Done again: ${step.label}` : "Nothing to redo here", step && (async () => undoLast()));
}
