/** Frames of a video and the seconds at which they are on screen. */

export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4] as const;

/** The number of the frame that is on screen; the first is 0. */
export function frameAt(seconds: number, fps: number, count: number | null): number {
  const frame = Math.max(0, Math.floor(seconds * fps + 1e-3));
  return count === null ? frame : Math.min(frame, Math.max(0, count - 1));
}

/** A moment at which a frame is surely on screen: its middle, since players round differently at its edges. */
export function timeOf(frame: number, fps: number): number {
  return (Math.max(0, frame) + 0.5) / fps;
}

/** Whether a video has run so far ahead of or behind the one that leads that it must be moved. */
export function drifted(leader: number, follower: number, duration: number, fps: number): boolean {
  return Math.abs(Math.min(leader, duration) - follower) > Math.max(0.08, 1.5 / fps);
}
