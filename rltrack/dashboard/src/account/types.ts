/** What the server tells of people: `rltrack/hub/accounts` in Python. */

export type Role = "owner" | "member" | "viewer";
export type Scope = "read" | "write" | "admin";

export interface Account {
  /** Null: nobody has signed in. */
  name: string | null;
  is_admin: boolean;
  /** Oneself, and teams. */
  entities: { name: string; role: Role }[];
  /** A share link that this browser has opened. */
  link: { project: string } | null;
  /** What the button of the provider of identities says; null: there is none. */
  provider: string | null;
}

/** What a link is for that is used once. */
export interface Invitation {
  kind: "setup" | "join" | "password";
  team: string | null;
  role: Role | null;
  user: string | null;
}

export interface Key {
  id: string;
  name: string;
  scope: Scope;
  project: string | null;
  created_at: number;
  expires_at: number | null;
  used_at: number | null;
  revoked_at: number | null;
}

export interface Session {
  id: string;
  created_at: number;
  seen_at: number;
  address: string;
  agent: string;
  is_this: boolean;
}

export interface Team {
  name: string;
  title: string;
  role: Role | null;
  members: { name: string; role: Role }[];
}

/** What the projects of a user or team take. */
export interface Room {
  name: string;
  used_bytes: number;
  /** Null: any amount. */
  most_bytes: number | null;
}

export interface ShareLink {
  id: string;
  /** Null: all runs of the project, those to come among them. */
  runs: string[] | null;
  page: string;
  user: string;
  created_at: number;
  expires_at: number | null;
  used_at: number | null;
  revoked_at: number | null;
}

export interface User {
  name: string;
  is_admin: boolean;
  has_password: boolean;
  created_at: number;
  seen_at: number | null;
}

export interface AuditEntry {
  id: number;
  at: number;
  who: string;
  by: string;
  address: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
}
