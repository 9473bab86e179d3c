import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { atMostEvery } from "./throttle";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the first call acts at once, a burst behind it acts once more", () => {
  const act = vi.fn();
  const throttle = atMostEvery(1000, act);
  throttle.call();
  expect(act).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 10; i++) throttle.call();
  vi.advanceTimersByTime(999);
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(act).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5000);
  expect(act).toHaveBeenCalledTimes(2);
});

test("a stopped throttle makes up for nothing", () => {
  const act = vi.fn();
  const throttle = atMostEvery(1000, act);
  throttle.call();
  throttle.call();
  throttle.stop();
  vi.advanceTimersByTime(5000);
  expect(act).toHaveBeenCalledTimes(1);
});
