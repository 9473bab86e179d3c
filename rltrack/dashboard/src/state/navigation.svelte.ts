/** Where we are: the browser's address bar and history, as state. */

import { formatView, parseRoute, parseView, type Route, type View } from "./url";

class Navigation {
  #path = $state(location.pathname);
  #query = $state(location.search);

  readonly route: Route = $derived(parseRoute(this.#path));
  readonly view: View = $derived(parseView(this.#query));
  /** What pages with a view of their own keep in the query; see `put`. */
  readonly params: URLSearchParams = $derived(new URLSearchParams(this.#query));

  constructor() {
    addEventListener("popstate", () => this.#look());
  }

  /** Go to another page. */
  go(href: string): void {
    history.pushState(null, "", href);
    this.#look();
    scrollTo(0, 0);
  }

  /** Change the view: a step that "back" undoes. */
  set(change: Partial<View>): void {
    this.#write(change, "pushState");
  }

  /** Change the view while a box is typed in or a slider dragged: no step of its own. */
  adjust(change: Partial<View>): void {
    this.#write(change, "replaceState");
  }

  /** Change some parameters of the query; null takes one away. A step that "back" undoes, or none. */
  put(change: Record<string, string | null>, how: "pushState" | "replaceState" = "pushState"): void {
    const params = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === "") params.delete(name);
      else params.set(name, value);
    }
    const query = params.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
    if (`?${query}` === (location.search || "?")) return;
    history[how](null, "", location.pathname + (query && `?${query}`));
    this.#look();
  }

  #write(change: Partial<View>, how: "pushState" | "replaceState"): void {
    const query = formatView({ ...this.view, ...change });
    if (query === location.search) return;
    history[how](null, "", location.pathname + query);
    this.#look();
  }

  #look(): void {
    this.#path = location.pathname;
    this.#query = location.search;
  }
}

export const navigation = new Navigation();
