import { expect } from "vitest";
import type { Reply } from "./shopper.ts";

const MAX_RETRY_AFTER_SECONDS = 3;
const DRIVER_TEXT = /ECONN|postgres|pg_|sql|\brelation\b|select |insert |timeout exceeded|terminat|deadlock/i;

/** A 503 as it should be: with when to come again, as a problem, and without a word of what stands behind. */
export function expectHonest(reply: Reply): void {
  expect(reply).toMatchObject({ status: 503 });
  expect(reply.headers["content-type"]).toContain("application/problem+json");
  const retryAfter = Number(reply.headers["retry-after"]);
  expect(retryAfter).toBeGreaterThan(0);
  expect(retryAfter).toBeLessThanOrEqual(MAX_RETRY_AFTER_SECONDS);
  expect(reply.body).not.toMatch(DRIVER_TEXT);
}
