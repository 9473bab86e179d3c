/** A sound as a waveform: the least and greatest sample of each column of pixels. */

export function peaksOf(samples: Float32Array, columns: number): { low: Float32Array; high: Float32Array } {
  const count = Math.max(0, Math.min(columns, samples.length));
  const low = new Float32Array(count);
  const high = new Float32Array(count);
  for (let column = 0; column < count; column++) {
    const first = Math.floor((column * samples.length) / count);
    const end = Math.max(first + 1, Math.floor(((column + 1) * samples.length) / count));
    let least = Infinity;
    let most = -Infinity;
    for (let at = first; at < end; at++) {
      const sample = samples[at]!;
      if (sample < least) least = sample;
      if (sample > most) most = sample;
    }
    low[column] = least;
    high[column] = most;
  }
  return { low, high };
}

/** Seconds as `0:04.2`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  const rest = (tenths % 600) / 10;
  return `${minutes}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
}
