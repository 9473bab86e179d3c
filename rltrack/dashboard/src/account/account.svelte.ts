/** Who has signed in, on a server that has accounts. */

import { fetchMeta, send } from "../server/api";
import type { Account } from "./types";

class AccountStore {
  /** Null: it is not known yet, or the server has no accounts. */
  account = $state.raw<Account | null>(null);
  /** Whether it is known who this is. */
  known = $state(false);
  #asked = false;

  /** Ask once; a dashboard of one's own folder has nobody to sign in. */
  start(): void {
    if (this.#asked) return;
    this.#asked = true;
    fetchMeta()
      .then((meta) => (meta.accounts ? this.reload() : undefined))
      .catch(() => (this.#asked = false))
      .finally(() => (this.known = true));
  }

  async reload(): Promise<void> {
    this.account = await send<Account>("GET", "/api/account");
  }

  /** After signing in or out nothing that was shown is true any more. */
  leaveFor(page: string): void {
    location.assign(page);
  }
}

export const people = new AccountStore();
