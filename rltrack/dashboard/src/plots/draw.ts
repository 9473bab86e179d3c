/** Vega, without `eval`: the policy of the page allows none. A chunk of its own. */

import { parse, View, type Spec } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Json } from "../server/types";

export interface Drawn {
  image(kind: "png" | "svg"): Promise<string>;
  remove(): void;
}

/** A specification may ask for data of other places, and be of anybody: none is loaded. */
const loader = {
  load: (url: string) => Promise.reject(new Error(`${url}: data of other places are not loaded`)),
  sanitize: (url: string) => Promise.reject(new Error(`${url}: links are not followed`)),
  http: () => Promise.reject(new Error("not loaded")),
  file: () => Promise.reject(new Error("not loaded")),
};

export async function draw(
  place: HTMLElement,
  spec: { [key: string]: Json },
  rows: Record<string, Json>[],
  onproblem: (told: string) => void,
): Promise<Drawn> {
  const told = { warn, info: () => logger, debug: () => logger, error: warn, level: () => logger };
  const logger = told as never;
  function warn(...words: unknown[]) {
    onproblem(words.map(String).join(" "));
    return logger;
  }
  const isLite = !Array.isArray(spec.marks);
  const full = isLite ? compile(spec as unknown as TopLevelSpec, { logger }).spec : (spec as unknown as Spec);
  const view = new View(parse(full, undefined, { ast: true } as never), {
    expr: expressionInterpreter,
    renderer: "canvas",
    container: place,
    hover: true,
    loader: loader as never,
    logger,
  } as never);
  if (view.getState().data && "table" in (view.getState({ data: () => true }).data ?? {})) view.data("table", rows as never[]);
  await view.runAsync();
  return {
    image: (kind) => view.toImageURL(kind, 2),
    remove() {
      view.finalize();
      place.replaceChildren();
    },
  };
}
