import { expect, test } from "vitest";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { forgetAtCommit, transact } from "#src/platform/database/transact.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "#test/database.ts";
import { figure } from "#test/faults/database/figure.ts";
import { until } from "#test/until.ts";
import type { Body, Cache, Loaded } from "./cache.ts";

type Options = Parameters<OpenCache>[0];
export type OpenCache = (options: {
  pool: ReturnType<typeof createPool>;
  url: string;
  log: ReturnType<typeof createLog>;
  freshMs?: number;
}) => Promise<Cache & AsyncDisposable>;

const KEY = "thing:1";
const READERS = 500;
const SHORT_MS = 200;
const log = createLog({ logLevel: "silent", process: "test" });

/** What every adapter keeps. @param heardAtOnce whether other processes see a change before it is answered */
export function testCache(open: OpenCache, heardAtOnce: boolean): void {
  testSharing(open);
  testChanges(open, heardAtOnce);
  testTime(open);
}

function testSharing(open: OpenCache): void {
  test("a body is loaded once and comes back byte for byte with its tag, whoever asks", async () => {
    await using world = await openWorld(open);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const load = world.source({ bytes, etag: '"1-a"' });
    expect(await world.cache.get(KEY, load)).toEqual({ body: { bytes, etag: '"1-a"' } });
    const again = await until(async () => {
      const { body } = await world.cache.get(KEY, load);
      return world.cache.counts.hit > 0 && body;
    });
    expect(again.bytes.equals(bytes)).toBe(true);
    expect(load.count()).toBe(1);
  });

  test("readers that come at the same time share one load", async () => {
    await using world = await openWorld(open);
    const load = world.source(bodyOf("one"));
    const readings = await Promise.all(Array.from({ length: READERS }, async () => await world.cache.get(KEY, load)));
    expect(new Set(readings.map(textOf))).toEqual(new Set(["one"]));
    expect(load.count()).toBe(1);
  });
}

function testChanges(open: OpenCache, heardAtOnce: boolean): void {
  test("what was answered is seen by every later reader, and a reader who was slower than it puts nothing old back", async () => {
    await using world = await openWorld(open);
    const slow = Promise.withResolvers<Loaded>();
    const begun = world.cache.get(KEY, () => slow.promise);
    await world.change([KEY]);
    expect(textOf(await world.cache.get(KEY, world.source(bodyOf("new"))))).toBe("new");
    slow.resolve(bodyOf("old"));
    expect(textOf(await begun)).toBe("old");
    for (let turn = 0; turn < 20; turn += 1) {
      expect(textOf(await world.cache.get(KEY, world.source(bodyOf("new"))))).toBe("new");
    }
    expect(world.cache.counts.hit).toBeGreaterThan(0);
  });

  test("a load that began before a change is joined by nobody who came after it", async () => {
    await using world = await openWorld(open);
    const slow = Promise.withResolvers<Loaded>();
    const first = world.cache.get(KEY, () => slow.promise);
    await world.change([KEY]);
    const second = world.cache.get(KEY, async () => bodyOf("new"));
    expect(textOf(await second)).toBe("new");
    slow.resolve(bodyOf("old"));
    await first;
  });

  test("a change that fails takes nothing along: readers see what is there", async () => {
    await using world = await openWorld(open);
    await world.cache.get(KEY, world.source(bodyOf("one")));
    await expect(world.change([KEY], new Error("not today"))).rejects.toThrow("not today");
    expect(textOf(await world.cache.get(KEY, world.source(bodyOf("one"))))).toBe("one");
  });

  test("that there is nothing is remembered shortly, and forgotten with the change that brings it", async () => {
    await using world = await openWorld(open);
    const nothing = world.source(undefined);
    await until(async () => {
      expect((await world.cache.get(KEY, nothing)).body).toBeUndefined();
      return world.cache.counts.hit > 0;
    });
    await world.change([KEY]);
    expect(textOf(await world.cache.get(KEY, world.source(bodyOf("one"))))).toBe("one");
  });

  test("a change in another process is seen within 250 ms or at once, whether or not that process reads", async () => {
    await using world = await openWorld(open);
    await using other = await world.another();
    await until(async () => {
      await world.cache.get(KEY, world.source(bodyOf("old")));
      return world.cache.counts.hit > 0;
    });
    await other.change([KEY]);
    const answeredAt = performance.now();
    const seen = async () => textOf(await world.cache.get(KEY, world.source(bodyOf("new"))));
    const first = await seen();
    expect(heardAtOnce ? ["new"] : ["old", "new"]).toContain(first);
    await until(async () => (await seen()) === "new");
    figure(`a change in another process was seen after ${(performance.now() - answeredAt).toFixed(1)} ms`);
  });
}

function testTime(open: OpenCache): void {
  test("a load that fails fails for those who share it, and is not remembered", async () => {
    await using world = await openWorld(open);
    const failing = async () => await Promise.reject(new Error("a bug"));
    const settled = await Promise.allSettled([1, 2, 3].map(async () => await world.cache.get(KEY, failing)));
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(textOf(await world.cache.get(KEY, world.source(bodyOf("one"))))).toBe("one");
  });

  test("a body is loaded anew when its time is over, and stands in with its age while the database is away", async () => {
    await using world = await openWorld(open, { freshMs: SHORT_MS });
    const load = world.source(bodyOf("one"));
    await until(async () => {
      await world.cache.get(KEY, load);
      return load.count() >= 3;
    });
    const away = async () => await Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }));
    const old = await until(async () => {
      const reading = await world.cache.get(KEY, away);
      return reading.staleMs !== undefined && reading;
    });
    expect(textOf(old)).toBe("one");
    expect(old.staleMs).toBeGreaterThanOrEqual(SHORT_MS * 0.8);
    await expect((async () => await world.cache.get("thing:2", away))()).rejects.toThrow("connect");
  });
}

async function openWorld(open: OpenCache, own: Pick<Options, "freshMs"> = {}) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await cloneDatabase());
  const process = async () => {
    const pool = createPool({ url: database.url, max: 4, work: "api", name: "test", log });
    const db = createDatabase(pool);
    const cache = await open({ pool, url: database.url, log, ...own });
    const context = { db, cache, wake: () => undefined };
    return {
      cache,
      /** a change of these keys, answered when this resolves */
      change: (keys: string[], failure?: Error) =>
        transact(context, async (trx) => {
          forgetAtCommit(trx, keys);
          if (failure !== undefined) throw failure;
        }),
      async [Symbol.asyncDispose]() {
        await cache[Symbol.asyncDispose]();
        await db.destroy();
      },
    };
  };
  const first = undo.use(await process());
  // Until it hears the others, nothing is taken from it.
  await until(async () => {
    await first.cache.get("thing:0", async () => bodyOf("warm"));
    return first.cache.counts.hit > 0;
  });
  first.cache.counts.hit = 0;
  const kept = undo.move();
  return {
    ...first,
    another: process,
    source(body: Loaded) {
      let count = 0;
      const load = async () => {
        count += 1;
        return await Promise.resolve(body);
      };
      return Object.assign(load, { count: () => count });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function bodyOf(text: string): Body {
  return { bytes: Buffer.from(text), etag: `"1-${text}"` };
}

function textOf({ body }: { body: Loaded }): string | undefined {
  return body?.bytes.toString();
}
