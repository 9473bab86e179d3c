/** Light or dark: as the system says, until the reader chooses. `public/theme.js` applies the choice first. */

const STORED = "rltrack-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

class Theme {
  #chosen = $state(document.documentElement.dataset.theme);
  #systemDark = $state(system.matches);

  readonly dark: boolean = $derived(this.#chosen ? this.#chosen === "dark" : this.#systemDark);

  constructor() {
    system.addEventListener("change", () => (this.#systemDark = system.matches));
  }

  toggle(): void {
    this.#chosen = this.dark ? "light" : "dark";
    document.documentElement.dataset.theme = this.#chosen;
    try {
      localStorage.setItem(STORED, this.#chosen);
    } catch {
      // Storage may be forbidden; the choice then lasts until the page is left.
    }
  }
}

export const theme = new Theme();
