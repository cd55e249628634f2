import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { generateKeys, generateSigningKey } from "#src/platform/security/secrets.ts";
import { startApp } from "./app.ts";
import { cloneDatabase } from "./database.ts";
import { figure } from "./faults/database/figure.ts";
import { startService } from "./faults/database/service-process.ts";
import { call, type Reply } from "./faults/database/shopper.ts";
import { runCommand } from "./shop-process.ts";
import { until } from "./until.ts";

const WITHIN_MS = 60_000;
const READERS = 4;
const account = { email: "ann@example.com", password: "a kettle for Ann", full_name: "Ann Example" };

// cases 49, 50
test(
  "two processes rotate their key under load without a failed request, and refuse the old one at once when it is gone",
  { timeout: WITHIN_MS },
  async () => {
    await using database = await cloneDatabase();
    await using folder = await createFolder();
    const env = await folder.keys();
    await using one = await startService("api", { databaseUrl: database.url, env });
    await using other = await startService("api", { databaseUrl: database.url, env });
    const urls = [one.url, other.url];
    expect((await call(`${one.url}/api/v1/users/register`, "POST", { body: account })).status).toBe(201);
    const old = await logIn(one.url);
    const load = startLoad(urls, old);
    const rotate = async (...step: string[]) => {
      const { code, output } = await runCommand(["rotate-keys", ...step], env);
      expect([output, code]).toEqual([output, 0]);
    };

    await rotate("add");
    await until(async () => (await kidsAt(urls)).every((kids) => kids.length === 2));
    await rotate("promote", "--now");
    const [[fresh = ""] = []] = await until(async () => {
      const kids = await kidsAt(urls);
      return kids.every(([first]) => first !== kidOf(old)) && kids;
    });
    for (const url of urls) {
      expect(kidOf(await logIn(url))).toBe(fresh);
      expect((await readWith(url, old)).status).toBe(200);
    }
    load.token = await logIn(other.url);
    await load.everyoneHasTurnedOver();
    await rotate("retire", "--now");
    const retired = performance.now();
    await until(async () => (await statusesAt(urls, old)).every((status) => status === 401));
    const refusedAfterMs = Math.round(performance.now() - retired);
    await load.everyoneHasTurnedOver();
    const { requests, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(await kidsAt(urls)).toEqual([[fresh], [fresh]]);
    figure(`${requests} requests through add, promote and retire: 0 failed; refused ${refusedAfterMs} ms after retire`);
  },
);

// case 50
test("a key that is taken away takes the tokens that were verified with it along", async () => {
  await using folder = await createFolder();
  const [old, fresh] = [await generateSigningKey(), await generateSigningKey()];
  const file = await folder.write([old]);
  await using shop = await startApp({ worker: false, env: { SIGNING_KEYS: "", SIGNING_KEYS_FILE: file } });
  const ann = await shop.signUp();
  const status = async () => (await ann.get("/api/v1/users/me")).statusCode;
  expect(await status()).toBe(200);
  await folder.write([fresh, old]);
  await until(() => shop.context.tokens.jwks.keys.length === 2);
  expect(await status()).toBe(200);
  await folder.write([fresh]);
  await until(async () => (await status()) === 401);
  await folder.write([fresh, old]);
  await until(async () => (await status()) === 200);
});

test("the command tells where the rotation stands, and leaves all else in the file and its mode alone", async () => {
  await using folder = await createFolder();
  const file = path.join(folder.path, "secrets.json");
  const { SIGNING_KEYS, TOKEN_SECRET } = await generateKeys();
  await writeFile(file, JSON.stringify({ signing_keys: JSON.parse(SIGNING_KEYS), token_secret: TOKEN_SECRET }));
  const rotate = (...args: string[]) => runCommand(["rotate-keys", ...args], { DATA_DIR: folder.path });
  expect(await rotate()).toMatchObject({ code: 0, output: expect.stringMatching(/signs[^]*No rotation is under way/) });
  expect(await rotate("promote")).toMatchObject({ code: 1, output: expect.stringContaining("'add' makes one") });
  expect(await rotate("add")).toMatchObject({
    code: 0,
    output: expect.stringMatching(/waits to sign +until 20[^]*promote/),
  });
  expect(await rotate("promote")).toMatchObject({ code: 1, output: expect.stringContaining("--now") });
  const stored = JSON.parse(await readFile(file, "utf8")) as { signing_keys: unknown[]; token_secret: string };
  expect([stored.signing_keys.length, stored.token_secret]).toEqual([2, TOKEN_SECRET]);
  expect((await stat(file)).mode & 0o777).toBe(0o644);
});

test("keys in the environment are printed with the step taken, and no file is made", async () => {
  await using folder = await createFolder();
  const { SIGNING_KEYS } = await generateKeys();
  const env = { DATA_DIR: folder.path, SIGNING_KEYS };
  const { code, output } = await runCommand(["rotate-keys", "add"], env);
  const [, printed = ""] = /^SIGNING_KEYS='(.+)'$/m.exec(output) ?? [];
  expect([code, (JSON.parse(printed) as unknown[]).length]).toEqual([0, 2]);
  expect(output).toContain("rolling restart");
  await expect(stat(path.join(folder.path, "secrets.json"))).rejects.toThrow("ENOENT");
});

test("doctor tells of a rotation, and of keys that are none before a process starts with them", async () => {
  await using folder = await createFolder();
  const [old, fresh] = [await generateSigningKey(), await generateSigningKey()];
  const doctor = async (keys: unknown[]) => {
    const env = { DATA_DIR: folder.path, SIGNING_KEYS_FILE: await folder.write(keys), TOKEN_SECRET: "not of interest" };
    return (await runCommand(["doctor"], env)).output;
  };
  expect(await doctor([old])).toMatch(new RegExp(`signing keys +ok +one, ${old.kid}`));
  expect(await doctor([old, fresh])).toMatch(/signing keys +ok +2, a rotation is under way/);
  expect(await doctor([{ ...old, x: fresh.x }])).toMatch(/signing keys +BAD .* do not belong together/);
});

async function createFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-keys-"));
  const file = path.join(folder, "keys.json");
  const write = async (keys: unknown[]) => {
    await writeFile(file, JSON.stringify(keys));
    return file;
  };
  return {
    path: folder,
    write,
    /** the environment of a process that follows a file of keys */
    async keys() {
      const { TOKEN_SECRET } = await generateKeys();
      const SIGNING_KEYS_FILE = await write([await generateSigningKey()]);
      return { SIGNING_KEYS: "", SIGNING_KEYS_FILE, TOKEN_SECRET, DATA_DIR: folder };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Reads and logs in without a pause, at all addresses in turn; `token` is the one that the readers send. */
function startLoad(urls: string[], token: string) {
  const state = { stopped: false, requests: 0, failed: [] as Reply[], turns: new Map<number, number>() };
  const load = { token, everyoneHasTurnedOver, stop };
  const count = (worker: number, reply: Reply) => {
    state.requests += 1;
    state.turns.set(worker, (state.turns.get(worker) ?? 0) + 1);
    if (reply.status !== 200) state.failed.push(reply);
  };
  const run = async (worker: number, ask: (url: string, next: string) => Promise<Reply>) => {
    for (let turn = worker; !state.stopped; turn += 1) {
      const [url = "", next = ""] = [urls[turn % urls.length], urls[(turn + 1) % urls.length]];
      count(worker, await ask(url, next));
    }
  };
  const readers = Array.from({ length: READERS }, (_, worker) => run(worker, (url) => readWith(url, load.token)));
  // A token that one process has just signed is sent to the other at once.
  const newcomer = run(READERS, async (url, next) => await readWith(next, await logIn(url)));
  const running = Promise.all([...readers, newcomer]);
  return load;

  /** Resolves when each of them has begun and ended a request since now. */
  async function everyoneHasTurnedOver(): Promise<void> {
    const before = new Map(state.turns);
    const turned = (worker: number) => (state.turns.get(worker) ?? 0) > (before.get(worker) ?? 0) + 1;
    await until(() => Array.from({ length: READERS + 1 }, (_, worker) => turned(worker)).every(Boolean));
  }

  async function stop() {
    state.stopped = true;
    await running;
    return state;
  }
}

async function logIn(url: string): Promise<string> {
  const { email, password } = account;
  const { body } = await call(`${url}/api/v1/users/login`, "POST", { body: { email, password } });
  return (JSON.parse(body) as { access_token?: string }).access_token ?? body;
}

async function readWith(url: string, token: string): Promise<Reply> {
  return await call(`${url}/api/v1/users/me`, "GET", { headers: { authorization: `Bearer ${token}` } });
}

async function statusesAt(urls: string[], token: string): Promise<number[]> {
  return await Promise.all(urls.map(async (url) => (await readWith(url, token)).status));
}

async function kidsAt(urls: string[]): Promise<string[][]> {
  return await Promise.all(
    urls.map(async (url) => {
      const { body } = await call(`${url}/.well-known/jwks.json`, "GET");
      return (JSON.parse(body) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    }),
  );
}

function kidOf(token: string): string {
  const [head = ""] = token.split(".");
  return (JSON.parse(Buffer.from(head, "base64url").toString()) as { kid: string }).kid;
}
