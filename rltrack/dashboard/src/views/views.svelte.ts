/** The saved views of a project: names for ways to look at it, kept on the server for everyone who may see it. */

import { deleteDocument, fetchDocuments, saveDocument, UnreachableError, type Saved } from "../server/api";
import { link } from "../server/link.svelte";
import { navigation } from "../state/navigation.svelte";
import { freeName, isBare, isChanged, lookOf, queryOf } from "./saved";

/** What a document of the kind `views` holds. */
export interface View {
  name: string;
  query: string;
}

/** The document that says which view the project begins with; `first-ann`: for Ann. */
const FIRST = "first";
/** In the place of a view's id: the page as it is with no view at all. */
export const AUTO = "auto";

export type SavedView = Saved<View>;

export class ViewsStore {
  views = $state.raw<SavedView[]>([]);
  /** The documents that say which view the project begins with. */
  #firsts = $state.raw<Saved<{ first?: string | null }>[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);
  /** The views that this page has shown, as they were then: what is changed here was made from these. */
  #shown = $state.raw<Record<string, SavedView>>({});

  /** @param me: who has signed in; null where nobody does. */
  constructor(
    readonly project: string,
    readonly me: () => string | null,
  ) {}

  /** The view that the project begins with: one's own, or that for everybody. */
  get first(): string | null {
    return this.firstOf(true) ?? this.firstOf(false);
  }

  firstOf(mine: boolean): string | null {
    return this.#first(mine)?.body.first ?? null;
  }

  #first(mine: boolean): Saved<{ first?: string | null }> | null {
    return this.#firsts.find(({ id }) => id === this.#firstId(mine)) ?? null;
  }

  #firstId(mine: boolean): string {
    const me = this.me();
    return mine && me !== null ? `${FIRST}-${me}` : FIRST;
  }

  /** Fetch, and again when the server comes back, until the function that comes back is called. */
  start(): () => void {
    void this.refresh();
    return link.onRecovery(() => void this.refresh());
  }

  async refresh(): Promise<void> {
    try {
      const found = await fetchDocuments<View & { first?: string | null }>(this.project, "views");
      this.#firsts = found.filter(({ id }) => isFirst(id));
      this.views = found
        .filter(({ id, body }) => !isFirst(id) && typeof body.name === "string" && typeof body.query === "string")
        .sort((a, b) => a.body.name.localeCompare(b.body.name));
      // A page that was loaded again was made from what is there now, as far as it knows.
      const here = this.get(navigation.view.saved);
      if (here && !this.#shown[here.id]) this.#keep(here);
      this.problem = null;
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.loaded = true;
    }
  }

  /** A link that does not say how the page is to look shows the view that it names, or the first. */
  arrive(): void {
    if (!this.loaded || !isBare(navigation.query)) return;
    const view = this.get(navigation.view.saved ?? this.first);
    if (view) this.show(view, null);
  }

  /** Look at the page as a view has it; `label`: what that did, if it was a step. */
  show(view: SavedView, label: string | null): void {
    this.#keep(view);
    navigation.show(queryOf(view.id, view.body.query, navigation.query), label);
  }

  /** A view as this page has shown it. */
  shown(id: string | null): SavedView | null {
    const now = this.get(id);
    return now && (this.#shown[now.id] ?? now);
  }

  /** What somebody else has made of a view since this page showed it. */
  newer(id: string | null): SavedView | null {
    const [now, shown] = [this.get(id), this.shown(id)];
    return now && now.version !== shown?.version ? now : null;
  }

  #keep(view: SavedView): void {
    this.#shown = { ...this.#shown, [view.id]: view };
  }

  get(id: string | null): SavedView | null {
    return this.views.find((view) => view.id === id) ?? null;
  }

  /** Of a page that shows a view: whether it was changed since. */
  isChanged(id: string | null, query: string): boolean {
    const view = this.shown(id);
    return view !== null && isChanged(view.body.query, query);
  }

  /** Keep how the page looks under a new name. */
  async add(name: string, query: string): Promise<SavedView> {
    const id = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "v").slice(0, 10);
    const body = { name: freeName(name, this.views.map((view) => view.body.name)), query: lookOf(query) };
    const view = await saveDocument<View>(this.project, "views", id, body, null);
    this.#keep(view);
    await this.refresh();
    return view;
  }

  /**
   * Change a view from what it was.
   *
   * @throws ConflictError: somebody has saved it meanwhile; the list is up to date when it is thrown.
   */
  async change(view: SavedView, change: Partial<View>): Promise<void> {
    const body = { ...view.body, ...change, ...(change.query !== undefined && { query: lookOf(change.query) }) };
    try {
      this.#keep(await saveDocument<View>(this.project, "views", view.id, body, view.version));
    } finally {
      await this.refresh();
    }
  }

  async remove(view: SavedView): Promise<void> {
    await deleteDocument(this.project, "views", view.id, view.version);
    for (const mine of new Set([true, this.me() === null])) if (this.firstOf(mine) === view.id) await this.begin(null, mine);
    await this.refresh();
  }

  /** Put a view back that was removed, under its id. */
  async restore(view: SavedView): Promise<void> {
    await saveDocument<View>(this.project, "views", view.id, view.body, null);
    await this.refresh();
  }

  /** Let the project begin with a view, or with none: for oneself, or for everybody. */
  async begin(id: string | null, mine: boolean): Promise<void> {
    try {
      await saveDocument(this.project, "views", this.#firstId(mine), { first: id }, this.#first(mine)?.version ?? null);
    } finally {
      await this.refresh();
    }
  }
}

function isFirst(id: string): boolean {
  return id === FIRST || id.startsWith(`${FIRST}-`);
}
