/**
 * Exponential moving average, without the bias towards zero at its start.
 *
 * A value that is not finite ends the average: it starts anew behind it, so that
 * no smoothed line crosses a NaN.
 */
export function smooth(values: Float64Array, weight: number): Float64Array {
  const smoothed = new Float64Array(values.length);
  let sum = 0;
  let norm = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) {
      sum = weight * sum + (1 - weight) * value;
      norm = weight * norm + (1 - weight);
      smoothed[i] = sum / norm;
    } else {
      sum = 0;
      norm = 0;
      smoothed[i] = NaN;
    }
  }
  return smoothed;
}
