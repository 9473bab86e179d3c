/**
 * Tell whether an element is on screen or close: true from 200 px before it scrolls in,
 * false again only beyond 800 px, so that scrolling to and fro mounts nothing twice.
 */

type Tell = (near: boolean) => void;

const tells = new WeakMap<Element, Tell>();

function observer(margin: number, near: boolean): IntersectionObserver {
  return new IntersectionObserver(
    (entries) => {
      for (const entry of entries) if (entry.isIntersecting === near) tells.get(entry.target)?.(near);
    },
    { rootMargin: `${margin}px 0px` },
  );
}

const comesNear = observer(200, true);
const goesFar = observer(800, false);

export function watchNear(element: Element, tell: Tell): () => void {
  tells.set(element, tell);
  comesNear.observe(element);
  goesFar.observe(element);
  return () => {
    comesNear.unobserve(element);
    goesFar.unobserve(element);
    tells.delete(element);
  };
}
