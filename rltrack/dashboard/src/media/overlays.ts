/** Boxes and masks over pictures: which are drawn, where, and in which colour. */

import type { Box, MediaItem } from "../server/types";

/** What is drawn over the pictures of a panel. */
export interface OverlayChoice {
  /** Names of box sets and masks, as `box:name` and `mask:name`, that are off. */
  off: string[];
  /** Classes that are off. */
  classesOff: string[];
  /** Of masks, from 0 to 1. */
  opacity: number;
  /** Boxes with a score below are left out; those without a score are not. */
  leastScore: number;
}

export const ALL_SHOWN: OverlayChoice = { off: [], classesOff: [], opacity: 0.5, leastScore: 0 };

export interface Labels {
  /** As in `OverlayChoice.off`. */
  layers: string[];
  /** Number and name. */
  classes: { id: string; name: string }[];
  /** Least and greatest score; null without scores. */
  scores: [number, number] | null;
}

/** All that can be switched on and off over some pictures. */
export function labelsOf(items: MediaItem[]): Labels {
  const layers = new Set<string>();
  const names = new Map<string, string>();
  const scores: number[] = [];
  for (const item of items) {
    for (const [name, set] of Object.entries(item.boxes ?? {})) {
      layers.add(`box:${name}`);
      for (const box of set.box_data) {
        const id = String(box.class_id);
        if (!names.has(id)) names.set(id, className(item, id, set.class_labels));
        scores.push(...Object.values(box.scores ?? {}));
      }
    }
    for (const [name, mask] of Object.entries(item.masks ?? {})) {
      layers.add(`mask:${name}`);
      for (const [id, label] of Object.entries(mask.class_labels ?? item.classes ?? {})) names.set(id, label);
    }
  }
  const classes = [...names].map(([id, name]) => ({ id, name })).sort((a, b) => Number(a.id) - Number(b.id));
  const finite = scores.filter(Number.isFinite);
  return { layers: [...layers], classes, scores: finite.length ? [Math.min(...finite), Math.max(...finite)] : null };
}

export function className(item: MediaItem, id: string, labels?: Record<string, string>): string {
  return labels?.[id] ?? item.classes?.[id] ?? `class ${id}`;
}

export interface DrawnBox {
  left: number;
  top: number;
  width: number;
  height: number;
  colour: string;
  label: string;
}

/** The boxes of a picture that are on, in parts of its size from 0 to 1. */
export function boxesOf(item: MediaItem, choice: OverlayChoice): DrawnBox[] {
  return Object.entries(item.boxes ?? {}).flatMap(([name, set]) => {
    if (choice.off.includes(`box:${name}`)) return [];
    return set.box_data
      .filter((box) => !choice.classesOff.includes(String(box.class_id)) && isSure(box, choice.leastScore))
      .map((box): DrawnBox => {
        const { minX, maxX, minY, maxY } = box.position;
        const wide = box.domain === "pixel" ? (item.width ?? 1) : 1;
        const high = box.domain === "pixel" ? (item.height ?? 1) : 1;
        const id = String(box.class_id);
        return {
          left: minX / wide,
          top: minY / high,
          width: (maxX - minX) / wide,
          height: (maxY - minY) / high,
          colour: classColour(box.class_id),
          label: boxLabel(box, className(item, id, set.class_labels)),
        };
      });
  });
}

function isSure(box: Box, least: number): boolean {
  const scores = Object.values(box.scores ?? {});
  return scores.length === 0 || Math.max(...scores) >= least;
}

function boxLabel(box: Box, name: string): string {
  if (box.box_caption) return box.box_caption;
  const [score] = Object.values(box.scores ?? {});
  return score === undefined ? name : `${name} ${score.toFixed(2)}`;
}

/** Red, green and blue of a class: far from those of the classes before it. */
export function classRgb(id: number): [number, number, number] {
  // The golden angle never comes back to a hue that it has had.
  const hue = ((id * 137.508) % 360) / 60;
  const light = id % 3 === 2 ? 0.72 : 0.55;
  const chroma = (1 - Math.abs(2 * light - 1)) * 0.8;
  const second = chroma * (1 - Math.abs((hue % 2) - 1));
  const base = light - chroma / 2;
  const parts = [
    [chroma, second, 0], [second, chroma, 0], [0, chroma, second],
    [0, second, chroma], [second, 0, chroma], [chroma, 0, second],
  ][Math.floor(hue) % 6]!;
  return parts.map((part) => Math.round((part + base) * 255)) as [number, number, number];
}

export function classColour(id: number): string {
  return `rgb(${classRgb(id).join(" ")})`;
}

/** The pixels of a mask as colours: class 0 is the background, and is seen through unless it has a name. */
export function paintMask(pixels: Uint8ClampedArray, choice: OverlayChoice, named: ReadonlySet<string>): void {
  const off = new Set(choice.classesOff);
  const alpha = Math.round(choice.opacity * 255);
  const table = Array.from({ length: 256 }, (_, id) => {
    const isShown = !off.has(String(id)) && (id !== 0 || named.has("0"));
    return isShown ? [...classRgb(id), alpha] : [0, 0, 0, 0];
  });
  for (let i = 0; i < pixels.length; i += 4) {
    const colour = table[pixels[i]!]!;
    for (let part = 0; part < 4; part++) pixels[i + part] = colour[part]!;
  }
}
