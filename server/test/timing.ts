/**
 * How alike two ways take. `auc`: 0.5 when nobody can tell which is which, 1 or 0 when anybody can. Two differences, in
 * percent of the first median: that of the medians, and the median of those within the pairs, in which a load that
 * comes and goes hits both.
 */
export type Likeness = {
  medianMs: [number, number];
  differencePercent: number;
  pairedPercent: number;
  auc: number;
};

/**
 * Measures two ways in interleaved pairs, each pair in a random order, so that what else goes on hits both alike.
 * @param pairs how many times each
 */
export async function compareTimes(
  pairs: number,
  one: (nth: number) => Promise<unknown>,
  other: (nth: number) => Promise<unknown>,
): Promise<Likeness> {
  const [first, second]: [number[], number[]] = [[], []];
  const measure = async (times: number[], way: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await way();
    times.push(performance.now() - startedAt);
  };
  for (let nth = 0; nth < pairs; nth += 1) {
    const turns = [() => measure(first, () => one(nth)), () => measure(second, () => other(nth))];
    for (const turn of Math.random() < 0.5 ? turns : turns.toReversed()) await turn();
  }
  const medianMs: [number, number] = [medianOf(first), medianOf(second)];
  const percentOf = (ms: number) => (100 * ms) / medianMs[0];
  return {
    medianMs,
    differencePercent: percentOf(medianMs[1] - medianMs[0]),
    pairedPercent: percentOf(medianOf(first.map((ms, nth) => (second[nth] ?? ms) - ms))),
    auc: aucOf(first, second),
  };
}

export function describeLikeness({ medianMs, differencePercent, pairedPercent, auc }: Likeness): string {
  const [one, other] = medianMs.map((ms) => ms.toFixed(2));
  const [apart, paired] = [differencePercent, pairedPercent].map((percent) => percent.toFixed(1));
  return `medians ${one} and ${other} ms (${apart} %, in pairs ${paired} %), AUC ${auc.toFixed(3)}`;
}

function medianOf(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The chance that one of the second takes longer than one of the first (Mann-Whitney). */
function aucOf(first: number[], second: number[]): number {
  let longer = 0;
  for (const a of first) for (const b of second) longer += b > a ? 1 : b === a ? 0.5 : 0;
  return longer / (first.length * second.length);
}
