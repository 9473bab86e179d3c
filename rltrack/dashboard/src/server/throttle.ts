/** Run `act` at once, but at most once every `ms`; calls in between are made up for by one at the end. */
export function atMostEvery(ms: number, act: () => void): { call(): void; stop(): void } {
  let due = false;
  let timer: ReturnType<typeof setTimeout> | null = null;

  const run = () => {
    due = false;
    timer = setTimeout(() => {
      timer = null;
      if (due) run();
    }, ms);
    act();
  };

  return {
    call() {
      if (timer === null) run();
      else due = true;
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      due = false;
    },
  };
}
