/** Where a picture of one part of the plane belongs on another, until that is drawn itself. */

import type { Plot } from "./painter";

/** As a style's transform, of a picture whose top left corner is its origin; empty where it stays. */
export function shiftOf(drawn: Plot, now: Plot): string {
  if (drawn.log !== now.log || drawn.logX !== now.logX) return "";
  const [lowX, highX] = along(drawn.x, drawn.logX);
  const [nowLowX, nowHighX] = along(now.x, now.logX);
  const acrossX = ((highX - lowX) / drawn.width) * (now.width / (nowHighX - nowLowX));
  const acrossY = ((drawn.y[1] - drawn.y[0]) / drawn.height) * (now.height / (now.y[1] - now.y[0]));
  const left = now.left + ((lowX - nowLowX) / (nowHighX - nowLowX)) * now.width - drawn.left * acrossX;
  const foot = now.top + now.height - ((drawn.y[0] - now.y[0]) / (now.y[1] - now.y[0])) * now.height;
  const top = foot - (drawn.top + drawn.height) * acrossY;
  const parts = [acrossX, 0, 0, acrossY, left / now.ratio, top / now.ratio];
  const stays = [1, 0, 0, 1, 0, 0].every((part, i) => Math.abs(parts[i]! - part) < 1e-6);
  return stays || !parts.every(Number.isFinite) ? "" : `matrix(${parts.join()})`;
}

function along([low, high]: [number, number], log: boolean): [number, number] {
  return log ? [Math.log10(low), Math.log10(high)] : [low, high];
}
