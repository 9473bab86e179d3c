/** Where we are: the browser's address bar and history, as state. */

import { formatView, parseRoute, parseView, type Route, type View } from "./url";

class Navigation {
  #path = $state(location.pathname);
  #query = $state(location.search);

  readonly route: Route = $derived(parseRoute(this.#path));
  readonly view: View = $derived(parseView(this.#query));

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
