/** How numbers, times and durations are written, everywhere in the dashboard. */

const UNITS: [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

const MINUS = "−";

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function exponent(value: number, digits: number): string {
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  return `${trimmed(mantissa!)}e${power!.replace("+", "")}`;
}

function unsigned(value: number, digits: number): string {
  if (value === 0) return "0";
  if (value < 1e-3 || value >= 1e15) return exponent(value, digits);
  const rounded = Number(value.toPrecision(digits));
  for (const [size, unit] of UNITS) {
    if (rounded >= size) return trimmed((rounded / size).toPrecision(digits)) + unit;
  }
  return trimmed(rounded.toPrecision(digits));
}

/** A number in few characters: `1.23k`, `0.998`, `3e-4`, `NaN`, `∞`. */
export function compact(value: number, digits = 3): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 ? MINUS : "";
  const size = Math.abs(value);
  return sign + (size === Infinity ? "∞" : unsigned(size, digits));
}

/** A count or a step with its thousands apart: `352,500`. */
export function grouped(value: number): string {
  return Number.isFinite(value)
    ? value.toLocaleString("en-US", { maximumFractionDigits: 2 }).replace("-", MINUS)
    : compact(value);
}

/** The labels of one axis: each as short as it can be while all keep the same precision. */
export function tickLabels(ticks: number[]): string[] {
  const step = ticks.length > 1 ? Math.min(...ticks.slice(1).map((t, i) => t - ticks[i]!)) : 0;
  const largest = Math.max(0, ...ticks.map(Math.abs));
  if (step === 0 || largest >= 1e15 || largest < 1e-3) return ticks.map((tick) => compact(tick, 4));
  return ticks.map((tick) => {
    const size = Math.abs(tick);
    const sign = tick < 0 ? MINUS : "";
    const unit = UNITS.find(([at]) => size >= at);
    if (unit) {
      const decimals = decimalsOf(step / unit[0]);
      return sign + trimmed((size / unit[0]).toFixed(decimals)) + unit[1];
    }
    if (size < step / 1e6) return "0";
    return sign + size.toFixed(largest >= 1e3 ? 0 : decimalsOf(step));
  });
}

function decimalsOf(step: number): number {
  if (step >= 1 && Number.isInteger(Number(step.toPrecision(6)))) return 0;
  let decimals = Math.max(0, -Math.floor(Math.log10(step)));
  // 0.25 needs one decimal more than its power of ten says.
  if (Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals += 1;
  return Math.min(decimals, 12);
}

/** Time that passed, in its two largest units: `4 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, seconds);
  if (s < 10) return `${trimmed(s.toFixed(1))} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, "m", 1, "s");
  if (whole < 86400) return pair(whole, 3600, "h", 60, "m");
  return pair(whole, 86400, "d", 3600, "h");
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string) {
  const rest = Math.floor((seconds % large) / small);
  const head = `${Math.floor(seconds / large)} ${largeUnit}`;
  return rest ? `${head} ${rest} ${smallUnit}` : head;
}

/** How long ago, in one unit: `now`, `3 s ago`, `5 m ago`, `2 d ago`. */
export function ago(seconds: number): string {
  if (seconds < 1) return "now";
  return `${age(seconds)} ago`;
}

/** An age in one unit: `3 s`, `5 m`, `2 h`, `9 d`. */
export function age(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** A moment in the reader's own time zone: `12 Mar 2026, 14:05:09`. */
export function moment(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** A file's size: `1.2 MB`. */
export function bytes(count: number): string {
  if (count < 1e3) return `${count} B`;
  if (count < 1e6) return `${compact(count / 1e3)} kB`;
  if (count < 1e9) return `${compact(count / 1e6)} MB`;
  return `${compact(count / 1e9)} GB`;
}

/** `1 run`, `3 runs`, `1,204 runs`. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
