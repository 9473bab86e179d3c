/** Where we are: the browser's address bar and history, as state; and what was changed here, to take it back. */

import { writeDrafts } from "./draft.svelte";
import { doneAgain, noted, NO_STEPS, takenBack, walked, type Part, type Step, type Steps } from "./steps";
import { formatView, parseRoute, parseView, withKept, type Route, type View } from "./url";

type How = "pushState" | "replaceState";

class Navigation {
  #path = $state(location.pathname);
  #query = $state(location.search);
  /** What was changed about each page that was visited. */
  #steps = $state.raw<Record<string, Steps>>({});

  readonly route: Route = $derived(parseRoute(this.#path));
  #seen: View | null = null;
  readonly view: View = $derived((this.#seen = withKept(this.#seen, parseView(this.#query))));
  /** What pages with a view of their own keep in the query; see `put`. */
  readonly params: URLSearchParams = $derived(new URLSearchParams(this.#query));
  /** Counts the links that were followed: each asks for a page as it begins. */
  arrivals = $state(0);
  /** What `undo` would take back, and `redo` do again. */
  readonly last: Step | null = $derived(this.#steps[this.#path]?.past.at(-1) ?? null);
  readonly next: Step | null = $derived(this.#steps[this.#path]?.future.at(-1) ?? null);

  constructor() {
    addEventListener("popstate", () => {
      if (location.pathname === this.#path) this.#keep(walked(this.#here, this.#query, location.search, Date.now()));
      this.#look();
    });
  }

  get query(): string {
    return this.#query;
  }

  /** Show this page as another query says; `label` says what that did. With none, it did nothing: the query only names it otherwise. */
  show(query: string, label: string | null): void {
    this.#move(this.#path + query, label === null ? "replaceState" : "pushState", label);
  }

  /** Go to another page. */
  go(href: string): void {
    this.#move(href, "pushState");
    this.arrivals++;
    scrollTo(0, 0);
  }

  /** Be on another page, as if the link had led there. */
  become(href: string): void {
    this.#move(href, "replaceState", null);
    this.arrivals++;
  }

  /** Change the view: a step that "back" undoes. */
  set(change: Partial<View>): void {
    this.#move(this.#path + formatView({ ...this.view, ...change }), "pushState");
  }

  /** Change the view while a box is typed in or a slider dragged: no step of its own for "back". */
  adjust(change: Partial<View>): void {
    this.#move(this.#path + formatView({ ...this.view, ...change }), "replaceState");
  }

  /** Change some parameters of the query; null takes one away. A step that "back" undoes, or none. */
  put(change: Part, how: How = "pushState"): void {
    this.#move(this.#path + queryWith(change), how);
  }

  /** Take back what was changed last about this page, wherever one looks at it by now. */
  undo(): Step | null {
    writeDrafts();
    const step = this.last;
    if (!step) return null;
    const steps = takenBack(this.#here);
    this.#move(this.#path + queryWith(step.before), "pushState");
    this.#keep(steps);
    return step;
  }

  redo(): Step | null {
    writeDrafts();
    const step = this.next;
    if (!step) return null;
    const steps = doneAgain(this.#here);
    this.#move(this.#path + queryWith(step.after), "pushState");
    this.#keep(steps);
    return step;
  }

  get #here(): Steps {
    return this.#steps[this.#path] ?? NO_STEPS;
  }

  #keep(steps: Steps): void {
    this.#steps = { ...this.#steps, [this.#path]: steps };
  }

  /** What the query was and will be is compared after the browser has written it: it escapes as it likes. */
  #move(href: string, how: How, label?: string | null): void {
    const [path, query] = [this.#path, this.#query];
    if (href === path + query) return;
    history[how](null, "", href);
    if (location.pathname === path && label !== null) {
      this.#keep(noted(this.#here, query, location.search, Date.now(), how === "replaceState", label));
    }
    this.#look();
  }

  #look(): void {
    this.#path = location.pathname;
    this.#query = location.search;
  }
}

/** The query with some of its parameters changed. */
export function queryWith(change: Part): string {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  const query = params.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
  return query && `?${query}`;
}

export const navigation = new Navigation();
