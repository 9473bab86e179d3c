/** A picture that is looked at closely: how large it is drawn, and which part of it is seen. */

export interface Zoom {
  scale: number;
  /** Of the picture's upper left corner, in pixels of the screen. */
  x: number;
  y: number;
}

const MOST = 64;

/** The picture as large as fits, in the middle; small ones are drawn larger, by whole numbers. */
export function fitted(width: number, height: number, wide: number, high: number): Zoom {
  const fit = Math.min(wide / width, high / height);
  const scale = fit >= 2 ? Math.floor(fit) : Math.min(fit, 1) || 1;
  return { scale, x: (wide - width * scale) / 2, y: (high - height * scale) / 2 };
}

/** Closer or farther, while the point under the pointer stays where it is. */
export function zoomedAt(zoom: Zoom, factor: number, x: number, y: number, least: number): Zoom {
  const scale = Math.min(MOST, Math.max(Math.min(least, 1) / 2, zoom.scale * factor));
  const ratio = scale / zoom.scale;
  return { scale, x: x - (x - zoom.x) * ratio, y: y - (y - zoom.y) * ratio };
}
