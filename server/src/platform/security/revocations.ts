import type { Redis } from "#src/platform/redis.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import { ACCESS_TOKEN_SECONDS } from "./tokens.ts";

/** As long as an access token of it can still be sent: its life, and room for clocks that differ. */
const REMEMBERED_SECONDS = ACCESS_TOKEN_SECONDS + 60;
const CHANNEL = "revoked";

/**
 * Tells all processes what was revoked, sooner than they would look. Only a help: what counts is the row in the database,
 * which every process reads again within a second. So nothing here can fail, and Redis may be away, or have forgotten.
 */
export type Revocations = {
  /** Call it after the commit: drops the ids in this process at once, and in the others as soon as they hear of it. */
  tell(ids: string[]): Promise<void>;
  /** Calls `drop` with everything that is revoked from now on, here or elsewhere. */
  listen(drop: (ids: string[]) => void): void;
  /** Whether Redis remembers that it was revoked; false says nothing. For when the database can't be asked. */
  isRemembered(id: string): Promise<boolean>;
};

export function createRevocations({ redis, log }: { redis: Redis | undefined; log: Log }): Revocations {
  const listeners: ((ids: string[]) => void)[] = [];
  const dropAll = (ids: string[]) => listeners.forEach((drop) => drop(ids));

  async function remember(client: Redis["client"], ids: string[]): Promise<void> {
    const marks = ids.map((id) =>
      client.set(keyOf(id), "1", { expiration: { type: "EX", value: REMEMBERED_SECONDS } }),
    );
    await Promise.all([...marks, client.publish(CHANNEL, JSON.stringify(ids))]);
  }

  return {
    async tell(ids) {
      if (ids.length === 0) return;
      dropAll(ids);
      if (redis === undefined) return;
      await redis
        .ask((client) => remember(client, ids))
        .catch((error: unknown) =>
          log.debug({ err: error }, "Redis was not told what was revoked; the others see it in the database"),
        );
    },
    listen(drop) {
      if (listeners.length === 0) redis?.subscribe(CHANNEL, (message) => dropAll(parseIds(message)));
      listeners.push(drop);
    },
    async isRemembered(id) {
      if (redis === undefined) return false;
      return (await redis.ask((client) => client.get(keyOf(id))).catch(() => null)) !== null;
    },
  };
}

function keyOf(id: string): string {
  return `revoked:${id}`;
}

/** Whoever can write to Redis may send anything; the worst that it does is a look into the database. */
function parseIds(message: string): string[] {
  try {
    const ids: unknown = JSON.parse(message);
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
