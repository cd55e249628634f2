// What the benchmarks that send JSON have in common: the client, the load and how its latencies are told.
import { Agent, request } from "node:http";

export type Answer = { status: number; body: Record<string, unknown> };
export type Client = {
  /** @param signedIn what `logIn` gave; absent: nobody */
  send(method: string, path: string, options?: { signedIn?: string; body?: unknown }): Promise<Answer>;
  logIn(email: string, password: string): Promise<string>;
  close(): void;
};

/**
 * Speaks to a running shop on connections that stay.
 * @throws Error for a server on another machine: what a network costs is not what is measured here
 */
export function openClient(target: string, connections: number): Client {
  const origin = new URL(target);
  if (!["127.0.0.1", "localhost", "[::1]"].includes(origin.hostname)) throw new Error("only a server on this machine");
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  const send: Client["send"] = (method, path, { signedIn, body } = {}) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(signedIn !== undefined && { authorization: `Bearer ${signedIn}` }),
      ...(payload !== undefined && { "content-type": "application/json" }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sent = request(new URL(path, origin), { method, headers, agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) });
      });
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(payload);
    return promise;
  };

  return {
    send,
    async logIn(email, password) {
      const { status, body } = await send("POST", "/api/v1/users/login", { body: { email, password } });
      if (status !== 200) throw new Error(`cannot log in as ${email}: ${status} ${JSON.stringify(body)}`);
      return String(body["access_token"]);
    },
    close: () => agent.destroy(),
  };
}

/**
 * So many clients, each asking again when it was answered, for so long.
 * @param ask is given a number that counts up over all clients; false: not to be counted
 * @returns how long each counted answer took, and all of it, in milliseconds
 */
export async function load(
  { clients, seconds }: { clients: number; seconds: number },
  ask: (turn: number) => Promise<boolean>,
): Promise<{ latencies: number[]; tookMs: number }> {
  const startedAt = performance.now();
  const deadline = startedAt + seconds * 1_000;
  const latencies: number[] = [];
  let turn = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const sentAt = performance.now();
      if (await ask(turn++)) latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { latencies, tookMs: performance.now() - startedAt };
}

/** `p50 1.0 ms, p95 2.0 ms, p99 3.0 ms` of times in milliseconds. */
export function quantilesOf(times: number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (quantile: number) => (sorted[Math.floor(sorted.length * quantile)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`;
}
