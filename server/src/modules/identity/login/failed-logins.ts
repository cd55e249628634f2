import type { Context } from "#src/platform/context.ts";
import type { Limiter } from "#src/platform/http/rate-limit.ts";

const WINDOW_SECONDS = 600;
const FAILURES_PER_ACCOUNT = 5;
const FAILURES_PER_ADDRESS = 50;

/** How often somebody failed to log in: by the name that was tried, in its normal form, and by the network it came from. */
export type FailedLogins = { byAccount: Limiter; byAddress: Limiter };

export function countFailedLogins({ limits, config }: Context): FailedLogins {
  const windowSeconds = WINDOW_SECONDS;
  const points = FAILURES_PER_ADDRESS * config.rateLimitScale;
  return {
    byAccount: limits.create({ name: "login-account", points: FAILURES_PER_ACCOUNT, windowSeconds }),
    byAddress: limits.create({ name: "login-address", points, windowSeconds }),
  };
}
