import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { parseEnv, promisify } from "node:util";
import { expect, test } from "vitest";
import { readConfig } from "#src/config.ts";
import { isAlive } from "#src/platform/processes.ts";
import { createDataDir, postgresPid, runCommand, type Shop, startShop } from "#test/shop-process.ts";
import { until } from "#test/until.ts";

const run = promisify(execFile);
const STOP_LIMIT_MS = 10_000;
const SLOW_MS = 180_000;

test("from an empty folder to a reserved order, by the lines of the box", { timeout: SLOW_MS }, async () => {
  await using dataDir = await createDataDir();
  await using shop = await startShop({ DATA_DIR: dataDir.path, DEMO: "" });
  const [login = "", order = "", look = ""] = shop.output().match(/^(TOKEN|ORDER|curl).*$/gm) ?? [];
  const { stdout } = await run("sh", ["-c", `${login}\n${order}\nprintf '%s %s' "$TOKEN" "$ORDER"`]);
  const [TOKEN = "", ORDER = ""] = stdout.split(" ");
  expect({ TOKEN, ORDER }).toEqual({ TOKEN: expect.stringMatching(/^\S+$/), ORDER: expect.stringMatching(/^\d+$/) });
  const seen = async () => (await run("sh", ["-c", look], { env: { ...process.env, TOKEN, ORDER } })).stdout;
  await until(async () => (await seen()).includes('"status":"reserved"'), seen);
});

test(
  "children and PostgreSQL come back when they are killed, and SIGTERM leaves nothing",
  { timeout: SLOW_MS },
  async () => {
    await using dataDir = await createDataDir();
    await using shop = await startShop({ DATA_DIR: dataDir.path });
    const before = await numbersOf(shop, dataDir.path);
    for (const pid of Object.values(before)) process.kill(pid, "SIGKILL");
    const after = await until(async () => {
      const found = await numbersOf(shop, dataDir.path);
      const isNew = Object.entries(found).every(([name, pid]) => pid !== before[name as keyof typeof before]);
      return isNew && (await isReady(shop.url)) ? found : undefined;
    }, shop.output);
    expect(shop.output()).toMatch(/PostgreSQL \(pid \d+\) ended and is started again/);

    const second = await runCommand(["up"], { DATA_DIR: dataDir.path });
    expect(second.code).toBe(1);
    expect(second.output).toMatch(new RegExp(`^shopfloor: .* already \\(pid ${shop.pid}, ${shop.url}\\): .*\\n$`));

    shop.signal("SIGTERM");
    const late = AbortSignal.timeout(STOP_LIMIT_MS);
    expect(await shop.ended).toBe(0);
    expect(late.aborted).toBe(false);
    expect(await Promise.all(Object.values(after).map(isAlive))).toEqual([false, false, false]);
    expect(await readdir(dataDir.path)).not.toContain("up.json");
  },
);

test(
  "a killed supervisor leaves nothing on the port, and the next start adopts its PostgreSQL",
  { timeout: SLOW_MS },
  async () => {
    await using dataDir = await createDataDir();
    await using first = await startShop({ DATA_DIR: dataDir.path });
    const left = await numbersOf(first, dataDir.path);
    first.signal("SIGKILL");
    await first.ended;
    // At once, while the children still end, and on the very same port.
    await using second = await startShop({ DATA_DIR: dataDir.path, PORT: new URL(first.url).port });
    expect(second.url).toBe(first.url);
    expect(second.output()).toContain(`adopted: an earlier run left it behind (pid ${left.postgres})`);
    expect(await Promise.all([left.api, left.worker].map(isAlive))).toEqual([false, false]);
    second.signal("SIGINT");
    expect(await second.ended).toBe(0);
    expect(await isAlive(left.postgres)).toBe(false);
  },
);

test("a taken port is one line that names the port, its holder and the way out", async () => {
  await using dataDir = await createDataDir();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const { code, output } = await runCommand(["up"], { DATA_DIR: dataDir.path, PORT: String(port) });
  server.close();
  expect(code).toBe(1);
  const holder = process.platform === "linux" ? ` by .+ \\(pid ${process.pid}\\)` : "";
  expect(output).toMatch(new RegExp(`^shopfloor: port ${port} \\(PORT\\) is taken${holder}: .*PORT=\\d+ make run\\n$`));
  expect(await readdir(dataDir.path)).toEqual([]);
});

test("a folder with somebody else's files is refused in one line and left as it is", async () => {
  await using dataDir = await createDataDir();
  await writeFile(path.join(dataDir.path, "thesis.txt"), "years of work");
  const { code, output } = await runCommand(["up"], { DATA_DIR: dataDir.path });
  expect(code).toBe(1);
  expect(output).toMatch(/^shopfloor: .* is not a data folder of Shopfloor \(it holds thesis\.txt\): .*DATA_DIR\n$/);
  expect(await readdir(dataDir.path)).toEqual(["thesis.txt"]);
});

test("a cluster of another PostgreSQL is refused in one line", async () => {
  await using dataDir = await createDataDir();
  await mkdir(path.join(dataDir.path, "postgres"));
  await writeFile(path.join(dataDir.path, "postgres", "PG_VERSION"), "15\n");
  const { code, output } = await runCommand(["up"], { DATA_DIR: dataDir.path });
  expect(code).toBe(1);
  expect(output).toMatch(/^shopfloor: .*postgres (was not made by Shopfloor|belongs to root).*\n$/);
});

test("all wrong variables are told at once", async () => {
  const env = { PORT: "eighty", LOG_LEVEL: "loud", DATABASE_POOL: "0", DATABASE_URL: "mysql://u:hidden@h/d" };
  const { code, output } = await runCommand(["up"], env);
  expect(code).toBe(1);
  expect(output).toMatch(/4 mistakes/);
  for (const name of Object.keys(env)) expect(output).toContain(`- ${name}`);
  expect(output).not.toContain("hidden");
});

test("doctor hides secrets, names what is wrong and ends with 1", async () => {
  await using dataDir = await createDataDir();
  const closed = "postgres://someone:hidden@127.0.0.1:1/shop";
  const env = { DATA_DIR: dataDir.path, DATABASE_URL: closed, TOKEN_SECRET: "hidden-token-secret" };
  const { code, output } = await runCommand(["doctor"], env);
  expect(code).toBe(1);
  expect(output).toContain("postgres://someone:***@127.0.0.1:1/shop");
  expect(output).toMatch(/database +BAD +no PostgreSQL answers at 127\.0\.0\.1:1 \(ECONNREFUSED\)/);
  expect(output).not.toContain("hidden");
});

test(".env.example names every variable, with its default", async () => {
  const root = path.resolve(import.meta.dirname, "../..");
  const example = parseEnv(await readFile(path.join(root, ".env.example"), "utf8"));
  const asked = new Set<string>();
  const spy = new Proxy({}, { get: (_, name) => void asked.add(String(name)) });
  const defaults = readConfig(spy, root);
  const wanted = [...asked].filter((name) => !name.endsWith("_FILE"));
  expect(Object.keys(example).toSorted()).toEqual(wanted.toSorted());
  expect(readConfig(example, root)).toEqual(defaults);
});

type Numbers = { api: number; worker: number; postgres: number };

async function numbersOf(shop: Shop, dataDir: string): Promise<Numbers> {
  return await until(async () => {
    const [api, worker, postgres] = [shop.pidOf("api"), shop.pidOf("worker"), await postgresPid(dataDir)];
    return api === undefined || worker === undefined || postgres === undefined ? undefined : { api, worker, postgres };
  }, shop.output);
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/readyz`).then(
    (response) => response.ok,
    () => false,
  );
}
