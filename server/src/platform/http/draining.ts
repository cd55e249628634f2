import type { Server } from "node:http";

/** Between "not ready" and the end of listening: balancers need this long to hear of it and to send requests elsewhere. */
const DELAY_MS = 700;
/** What is still running after this time is cut off. */
const LIMIT_MS = 8_000;

type Draining = { server: Server; close(): Promise<unknown> };
const draining = new WeakSet<Server>();

export function isDraining(app: { server: Server }): boolean {
  return draining.has(app.server);
}

/**
 * Takes a server out of service without losing a request: readiness says 503 and answers ask clients to reconnect; after
 * `delayMs` nothing new is accepted, idle connections are closed and running requests are finished, for `limitMs` at most.
 */
export async function drain(app: Draining, bounds: { delayMs?: number; limitMs?: number } = {}): Promise<void> {
  draining.add(app.server);
  await new Promise((resolve) => setTimeout(resolve, bounds.delayMs ?? DELAY_MS));
  const cut = setTimeout(() => app.server.closeAllConnections(), bounds.limitMs ?? LIMIT_MS);
  await app.close();
  clearTimeout(cut);
}
