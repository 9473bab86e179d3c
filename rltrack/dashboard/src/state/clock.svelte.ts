/** The present, in epoch seconds, for ages that tick. It stands still while the tab is hidden. */

class Clock {
  now = $state(Date.now() / 1000);

  constructor() {
    const tick = () => {
      if (document.visibilityState === "visible") this.now = Date.now() / 1000;
    };
    setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }
}

export const clock = new Clock();
