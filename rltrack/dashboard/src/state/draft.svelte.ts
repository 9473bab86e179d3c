const WRITE_AFTER_MS = 250;

/**
 * A part of the URL while it is typed or dragged: the page follows at once, the URL
 * a moment later, as browsers refuse hundreds of history changes in a few seconds.
 */
export class Draft<T> {
  #pending = $state.raw<{ value: T } | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly read: () => T,
    private readonly write: (value: T) => void,
  ) {}

  get value(): T {
    return this.#pending ? this.#pending.value : this.read();
  }

  set value(value: T) {
    this.#pending = { value };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), WRITE_AFTER_MS);
  }

  /** The page is left: what was not written yet belongs to no other page's URL. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#pending = null;
  }

  #flush(): void {
    if (!this.#pending) return;
    this.write(this.#pending.value);
    this.#pending = null;
  }
}
