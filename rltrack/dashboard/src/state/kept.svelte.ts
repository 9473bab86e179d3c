/** A box or a switch of a page that is kept in the link: there again when the page is loaded again. */

import { Draft } from "./draft.svelte";
import { navigation } from "./navigation.svelte";

/** Made by a component, with which it goes. Its name is a parameter of the query that no other part of the page has. */
export class Kept extends Draft<string> {
  constructor(name: string, byDefault = "") {
    super(
      () => navigation.params.get(name) ?? byDefault,
      (value) => navigation.put({ [name]: value === byDefault ? null : value }, "replaceState"),
    );
    $effect(() => () => this.drop());
  }

  /** Of one that is a switch. */
  get on(): boolean {
    return this.value === "1";
  }

  set on(on: boolean) {
    this.value = on ? "1" : "";
  }
}
