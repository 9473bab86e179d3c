/** The size of a picture that has loaded. */
export function sizeOf(event: Event): [number, number] {
  const image = event.currentTarget as HTMLImageElement;
  return [image.naturalWidth, image.naturalHeight];
}
