import { randomUUID } from "node:crypto";

/** A way to the database that can be made bad. */
export type Proxy = AsyncDisposable & {
  /** the database's address by this way */
  url: string;
  /** Makes it bad: a toxic of Toxiproxy with its attributes, in both directions. */
  poison(type: "latency" | "timeout" | "reset_peer" | "bandwidth", attributes: Record<string, number>): Promise<void>;
  /** closes all connections and refuses new ones */
  cut(): Promise<void>;
  heal(): Promise<void>;
};

/**
 * Puts Toxiproxy between its user and a database.
 * @param control where Toxiproxy takes its orders, see its README, "HTTP API"
 */
export async function createProxy(control: string, databaseUrl: string): Promise<Proxy> {
  const name = `shopfloor-${randomUUID()}`;
  const ask = async (method: string, path: string, body?: unknown): Promise<{ listen?: string }> => {
    const payload = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${control}${path}`, { method, ...payload });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? {} : ((await response.json()) as { listen?: string });
  };
  const url = new URL(databaseUrl);
  const { listen } = await ask("POST", "/proxies", { name, listen: "127.0.0.1:0", upstream: url.host, enabled: true });
  url.host = listen ?? "";
  let toxics: string[] = [];
  return {
    url: url.href,
    async poison(type, attributes) {
      for (const stream of ["upstream", "downstream"]) {
        await ask("POST", `/proxies/${name}/toxics`, { name: `${type}-${stream}`, type, stream, attributes });
        toxics.push(`${type}-${stream}`);
      }
    },
    cut: async () => void (await ask("POST", `/proxies/${name}`, { enabled: false })),
    async heal() {
      for (const toxic of toxics) await ask("DELETE", `/proxies/${name}/toxics/${toxic}`);
      toxics = [];
      await ask("POST", `/proxies/${name}`, { enabled: true });
    },
    [Symbol.asyncDispose]: async () => void (await ask("DELETE", `/proxies/${name}`)),
  };
}
