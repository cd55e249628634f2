import fc from "fast-check";
import { expect, test } from "vitest";
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS, backoffMs } from "./deliveries.ts";

test("a delay lies between half and all of base x 2^attempt, and never above the cap", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), random, (attempt, chance) => {
      const full = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt);
      const delay = backoffMs(attempt, { random: () => chance });
      expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      expect(delay).toBeLessThanOrEqual(full);
    }),
  );
});

test("a thousand first retries are spread: no tenth of their range gets more than a fifth of them", () => {
  const delays = Array.from({ length: 1_000 }, () => backoffMs(1));
  const buckets = Map.groupBy(delays, (delay) => Math.floor((delay - BACKOFF_BASE_MS) / (BACKOFF_BASE_MS / 10)));
  for (const bucket of buckets.values()) expect(bucket.length).toBeLessThan(200);
});
