/** What accounts are called and how their facts are told. */

import type { Key, ShareLink } from "./types";

export const ROLES = ["owner", "member", "viewer"] as const;
export const ROLE_MEANS = {
  owner: "may do everything, and says who is in the team",
  member: "records and changes runs",
  viewer: "looks at runs",
} as const;
export const SCOPES = ["write", "read", "admin"] as const;
export const SCOPE_MEANS = {
  read: "read runs",
  write: "record and change runs",
  admin: "all that you may do",
} as const;
export const DAYS = [
  [7, "7 days"],
  [30, "30 days"],
  [365, "a year"],
  [null, "no end"],
] as const;

/** `500 GB` in bytes; null: nothing was said. */
export function sizeOf(text: string): number | null {
  const said = text.trim();
  if (said === "") return null;
  const found = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(said);
  if (!found) throw new Error(`“${said}” is no size; write 500 GB, or the like`);
  return Math.round(Number(found[1]) * 1000 ** " kmgt".indexOf((found[2] || " ").toLowerCase()));
}

/** Whether a key or link still opens something. */
export function isOpen(one: Pick<Key | ShareLink, "revoked_at" | "expires_at">, now: number): boolean {
  return one.revoked_at === null && (one.expires_at === null || one.expires_at > now);
}

/** The page to go to after signing in: one of this server, whatever an address says. */
export function pageAfter(query: string): string {
  const page = new URLSearchParams(query).get("page") ?? "/";
  return /^\/(?![/\\])[^\\\p{C}]*$/u.test(page) ? page : "/";
}

/** A browser, by the few words of its name that people know. */
export function browserOf(agent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\/[\d.]+/.exec(agent)?.[1] ?? (agent.split(/[ /]/)[0] || "a browser");
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1];
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system ? `${name} on ${system === "Mac OS X" ? "macOS" : system}` : name;
}
