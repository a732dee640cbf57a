// Adds up what was measured. Pure.

/** The middle value, or the mean of the two in the middle. Throws for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the share `q` (0 to 1) of the values lies, interpolated. Throws for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new Error("no values");
  return low + (high - low) * (at - Math.floor(at));
}

/** Median of the ratios of pairs that were measured one right after the other. */
export function medianRatio(tops: readonly number[], bottoms: readonly number[]): number {
  return median(ratios(tops, bottoms));
}

/** a[i] / b[i], as far as both go. */
export function ratios(tops: readonly number[], bottoms: readonly number[]): number[] {
  const pairs = Math.min(tops.length, bottoms.length);
  return tops.slice(0, pairs).map((top, i) => top / (bottoms[i] ?? Number.NaN));
}
