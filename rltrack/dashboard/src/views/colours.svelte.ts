/** The colours that the server keeps of a project, and changes of them. */

import { ConflictError, fetchDocuments, saveDocument, UnreachableError } from "../server/api";
import { link } from "../server/link.svelte";
import { NO_COLOURS, parseColours, type Colours } from "./colours";

const DOCUMENT = "project";
const TRIES = 4;

export class ColoursStore {
  colours = $state.raw<Colours>(NO_COLOURS);
  loaded = $state(false);
  #version: string | null = null;

  constructor(readonly project: string) {}

  /** Fetch, and again when the server comes back, until the function that comes back is called. */
  start(): () => void {
    void this.#refresh();
    return link.onRecovery(() => void this.#refresh());
  }

  async load(): Promise<void> {
    // The list, as a project without one is nothing wrong.
    const found = (await fetchDocuments<unknown>(this.project, "colours")).find(({ id }) => id === DOCUMENT);
    this.#take(found?.body, found?.version ?? null);
  }

  async #refresh(): Promise<void> {
    try {
      await this.load();
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
    } finally {
      this.loaded = true;
    }
  }

  /** Change them as they are now, also when somebody else changes others at the same time. */
  async change(how: (colours: Colours) => Colours): Promise<void> {
    for (let tries = 1; ; tries++) {
      const next = how(this.colours);
      try {
        const { version } = await saveDocument(this.project, "colours", DOCUMENT, next, this.#version);
        return this.#take(next, version);
      } catch (error) {
        if (!(error instanceof ConflictError) || tries === TRIES) throw error;
        this.#take(error.now?.body, error.now?.version ?? null);
      }
    }
  }

  #take(body: unknown, version: string | null): void {
    this.#version = version;
    this.colours = parseColours(body);
  }
}
