import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { generateKeys } from "#src/platform/security/secrets.ts";
import { findFreePort } from "#src/platform/postgres/postmaster.ts";
import { until } from "#test/until.ts";
import { type Cluster, query } from "./cluster.ts";
import type { DoomedBroker } from "./doomed-broker.ts";
import { type Role, type Slot, startSlot } from "./slot.ts";

/** Short, so that what a killed worker held comes back within a test. */
export const LEASE_MS = 1_000;
const DRAINED_WITHIN_MS = 30_000;
/** What waits at a broker is relayed again after a patience that doubles; when the broker forgets it, that is the wait. */
const RELAYED_WITHIN_MS = 300_000;

export type Shop = AsyncDisposable & {
  databaseUrl: string;
  cluster: Cluster;
  /** what carries its messages, where that is not PostgreSQL */
  broker: DoomedBroker | undefined;
  apis: Slot[];
  workers: Slot[];
  /** where the APIs listen; an address stays when its process is replaced */
  urls: string[];
  /** starts one more worker */
  addWorker(faults?: string): Promise<Slot>;
  /** resolves when every process does its work */
  ready(): Promise<void>;
  /** deliveries that are still open */
  open(): Promise<Open[]>;
};
export type Open = { message_id: number; attempts: number; due_in_ms: number };

export type ShopOptions = {
  apis?: number;
  workers?: number;
  env?: Record<string, string>;
  broker?: DoomedBroker | undefined;
  /** failpoints that are armed in every life of the processes of a role */
  lasting?: Partial<Record<Role, string>>;
};

/** Starts API and worker processes on a database of their own. */
export async function startShop(cluster: Cluster, options: ShopOptions = {}): Promise<Shop> {
  await using undo = new AsyncDisposableStack();
  const databaseUrl = await cluster.createDatabase();
  const dataDir = await mkdtemp(path.join(tmpdir(), "shopfloor-shop-"));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const env = {
    ...BARE,
    ...(await generateKeys()),
    DATA_DIR: dataDir,
    LEASE_MS: String(LEASE_MS),
    ...options.broker?.env,
    ...options.env,
  };
  const slots: Slot[] = [];
  undo.defer(async () => void (await Promise.all(slots.map((slot) => slot.stop()))));
  const add = (role: Role, port: number, faults = "") => {
    const count = slots.filter((slot) => slot.role === role).length + 1;
    const go = { DATABASE_URL: databaseUrl };
    const own = role === "api" ? { PORT: String(port) } : {};
    const slot = startSlot(
      { name: `${role}-${count}`, role, env: { ...env, ...own }, go, lasting: options.lasting?.[role] ?? "" },
      faults,
    );
    slots.push(slot);
    return slot;
  };
  const ports = await Promise.all(Array.from({ length: options.apis ?? 1 }, () => findFreePort(0)));
  const apis = ports.map((port) => add("api", port));
  const workers = Array.from({ length: options.workers ?? 2 }, () => add("worker", 0));
  const shop = {
    databaseUrl,
    cluster,
    broker: options.broker,
    apis,
    workers,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    async addWorker(faults = "") {
      const worker = add("worker", 0, faults);
      workers.push(worker);
      await worker.ready();
      return worker;
    },
    ready: async () => void (await Promise.all(slots.map((slot) => slot.ready()))),
    open: () => query<Open>(databaseUrl, OPEN),
  };
  await shop.ready();
  const kept = undo.move();
  return { ...shop, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Resolves when no delivery is open any more. @throws Error after half a minute, with a broker five, with what is left */
export async function drained(shop: Shop): Promise<void> {
  const open = () => shop.open().catch(() => undefined);
  await until(
    async () => (await open())?.length === 0,
    open,
    shop.broker === undefined ? DRAINED_WITHIN_MS : RELAYED_WITHIN_MS,
  );
}

const OPEN = `SELECT message_id::int, attempts, (extract(epoch FROM due_at - now()) * 1000)::int AS due_in_ms
  FROM deliveries WHERE handled_at IS NULL AND dead_at IS NULL ORDER BY message_id LIMIT 20`;

// Nothing of the environment that the tests run in, and nothing of a developer's own settings.
const BARE = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  NODE_COMPILE_CACHE: path.join(tmpdir(), "shopfloor-compile-cache"),
  METRICS_PORT: "0",
  LOG_LEVEL: "error",
  DATABASE_POOL: "6",
  RATE_LIMIT_SCALE: "100000",
};
