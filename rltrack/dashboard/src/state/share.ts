/** The link of what one looks at. */

import { shortenLink } from "../server/api";
import { writeDrafts } from "./draft.svelte";
import { navigation, queryWith } from "./navigation.svelte";
import { toast } from "./toast.svelte";

/** Longer links are cut by mail programs and chats: the server keeps where they lead. */
const LONG = 1500;

/** Copy the link of this page; `changed`: with some parameters of its query otherwise. */
export async function copyLink(changed: Record<string, string> = {}): Promise<void> {
  writeDrafts();
  const link = await shortened(location.pathname + (Object.keys(changed).length ? queryWith(changed) : location.search));
  try {
    await navigator.clipboard.writeText(location.origin + link);
    toast.tell("The link is copied");
  } catch {
    // Pages that come without encryption from another machine may not write to the clipboard.
    toast.tell(`The browser lets this page copy nothing. The link: ${location.origin + link}`, null, true);
  }
}

async function shortened(link: string): Promise<string> {
  const route = navigation.route;
  if (link.length <= LONG || !("project" in route)) return link;
  try {
    return `${location.pathname}?s=${await shortenLink(route.project, link)}`;
  } catch {
    return link; // who may only read a project has the long one
  }
}
