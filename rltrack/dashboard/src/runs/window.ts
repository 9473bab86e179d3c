/** The rows of a long list that are on screen, and a few around them. */
export function windowOf(
  scrolled: number,
  height: number,
  rowHeight: number,
  count: number,
  around = 8,
): { first: number; end: number } {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - around);
  const end = Math.min(count, Math.ceil((scrolled + height) / rowHeight) + around);
  return { first: Math.min(first, end), end };
}
