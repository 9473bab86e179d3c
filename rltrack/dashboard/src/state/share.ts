/** The link of what one looks at. */

import { writeDrafts } from "./draft.svelte";
import { toast } from "./toast.svelte";

export async function copyLink(): Promise<void> {
  writeDrafts();
  const link = location.href;
  try {
    await navigator.clipboard.writeText(link);
    toast.tell("The link of this view is copied");
  } catch {
    // Pages that come without encryption from another machine may not write to the clipboard.
    toast.tell("The browser lets this page copy nothing: take the link from its address bar", null, true);
  }
}
