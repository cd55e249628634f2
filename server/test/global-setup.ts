import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { startEmbeddedPostgres } from "#src/platform/postgres/embedded.ts";
import { prepareTestServer, type TestServer, urlOf } from "./template.ts";

declare module "vitest" {
  interface ProvidedContext {
    testServer: TestServer;
  }
}

const DATA_PREFIX = "shopfloor-test-";
const PASSABLE = 0o755;

/**
 * One PostgreSQL for the whole run: the one of `DATABASE_URL`, else an embedded one that goes when the run ends.
 * With `NEXT_SCHEMA=true` its tables are those of the release after this one.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using undo = new AsyncDisposableStack();
  const given = process.env["DATABASE_URL"];
  const url = given === undefined || given === "" ? await startServer(undo) : given;
  const nextSchema = process.env["NEXT_SCHEMA"] === "true";
  const prepared = await prepareTestServer(urlOf(url, "postgres"), { nextSchema });
  undo.defer(() => prepared.release());
  project.provide("testServer", prepared.server);
  const kept = undo.move();
  return async () => await kept.disposeAsync();
}

async function startServer(undo: AsyncDisposableStack): Promise<string> {
  await removeLeftOvers();
  const dataDir = await mkdtemp(path.join(tmpdir(), `${DATA_PREFIX}${process.pid}-`));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  // Root's PostgreSQL runs as another user, who has to get through this folder to its own.
  await chmod(dataDir, PASSABLE);
  const server = await startEmbeddedPostgres({ dataDir, log: () => undefined, fsync: false });
  undo.defer(() => server.stop());
  return server.url;
}

/** Folders of runs that were killed. A PostgreSQL that still runs in one ends itself when it misses its lock file. */
async function removeLeftOvers(): Promise<void> {
  const names = await readdir(tmpdir());
  const left = names.filter((name) => name.startsWith(DATA_PREFIX) && !isAlive(ownerOf(name)));
  await Promise.all(left.map((name) => rm(path.join(tmpdir(), name), { recursive: true, force: true })));
}

function ownerOf(name: string): number {
  return Number(name.slice(DATA_PREFIX.length).split("-")[0]);
}

function isAlive(pid: number): boolean {
  // Anything else than a plain process number is not ours to judge: 0 and negative numbers mean process groups.
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
