/** A glTF whose buffers are texts inside of it, as one binary file: a page may not fetch `data:` addresses. */

interface Gltf {
  buffers?: { uri?: string; byteLength: number }[];
  bufferViews?: { buffer: number; byteOffset?: number }[];
}

/**
 * The same as GLB.
 *
 * Raises: a buffer is in a file of its own, which is not here.
 */
export function asGlb(text: string): ArrayBuffer {
  const json = JSON.parse(text) as Gltf;
  const offsets: number[] = [];
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (const buffer of json.buffers ?? []) {
    const [head, data] = (buffer.uri ?? "").split(",", 2);
    if (!head?.startsWith("data:") || data === undefined) throw new Error(`it needs ${buffer.uri ?? "another file"}, which was not logged with it`);
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    offsets.push(size);
    pieces.push(bytes);
    size += Math.ceil(bytes.length / 4) * 4;
  }
  for (const view of json.bufferViews ?? []) {
    view.byteOffset = (view.byteOffset ?? 0) + (offsets[view.buffer] ?? 0);
    view.buffer = 0;
  }
  if (size) json.buffers = [{ byteLength: size }];
  const told = new TextEncoder().encode(JSON.stringify(json));
  const jsonSize = Math.ceil(told.length / 4) * 4;
  const whole = new ArrayBuffer(12 + 8 + jsonSize + (size ? 8 + size : 0));
  const view = new DataView(whole);
  const bytes = new Uint8Array(whole);
  [0x46546c67, 2, whole.byteLength, jsonSize, 0x4e4f534a].forEach((word, i) => view.setUint32(4 * i, word, true));
  bytes.fill(0x20, 20, 20 + jsonSize);
  bytes.set(told, 20);
  if (size) {
    view.setUint32(20 + jsonSize, size, true);
    view.setUint32(24 + jsonSize, 0x004e4942, true);
    pieces.forEach((piece, i) => bytes.set(piece, 28 + jsonSize + offsets[i]!));
  }
  return whole;
}
