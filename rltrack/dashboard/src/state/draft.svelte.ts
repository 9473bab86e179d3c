const WRITE_AFTER_MS = 250;

/** Those whose value is not in the URL yet. */
const pending = new Set<() => void>();

/** Write all of them now: something is about to be done with the URL. */
export function writeDrafts(): void {
  for (const write of [...pending]) write();
}

/**
 * A part of the URL while it is typed or dragged: the page follows at once, the URL
 * a moment later, as browsers refuse hundreds of history changes in a few seconds.
 */
export class Draft<T> {
  #pending = $state.raw<{ value: T } | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly #flush = (): void => {
    clearTimeout(this.#timer);
    pending.delete(this.#flush);
    if (!this.#pending) return;
    this.write(this.#pending.value);
    this.#pending = null;
  };

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
    pending.add(this.#flush);
    this.#timer = setTimeout(this.#flush, WRITE_AFTER_MS);
  }

  /** The page is left: what was not written yet belongs to no other page's URL. */
  drop(): void {
    clearTimeout(this.#timer);
    pending.delete(this.#flush);
    this.#pending = null;
  }
}
