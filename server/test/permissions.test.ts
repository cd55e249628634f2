import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { describeRule, isAllowed, type Permission, PERMISSIONS } from "#src/permissions.ts";
import { startApp, type TestApp } from "./app.ts";
import { figure } from "./faults/database/figure.ts";
import { listOperations } from "./operations.ts";
import { until } from "./until.ts";

const MODULES = path.resolve(import.meta.dirname, "../src/modules");
const names = Object.keys(PERMISSIONS) as Permission[];

test("every permission is asked for, by an operation or within one", async () => {
  await using shop = await startApp({ worker: false });
  const asked = new Set<string>((await listOperations(shop)).map(({ permission }) => permission));
  for await (const file of glob("**/*.ts", { cwd: MODULES, exclude: (name) => name.endsWith(".test.ts") })) {
    const source = await readFile(path.join(MODULES, file), "utf8");
    for (const [, name = ""] of source.matchAll(/\bisAllowed\(\s*"([\w.]+)"/g)) asked.add(name);
  }
  expect(names.filter((name) => !asked.has(name))).toEqual([]);
});

test("a rule is told in a sentence", () => {
  expect(describeRule("item.read")).toBe("Anyone may.");
  expect(describeRule("order.place")).toBe("Whoever is signed in may.");
  expect(describeRule("stock.manage")).toBe("Staff and admins may.");
  expect(describeRule("item.change")).toBe("Whose it is and admins may.");
  expect(describeRule("session.manage")).toBe("Whose it is may. To others it does not exist.");
  for (const name of names) expect(describeRule(name)).toMatch(/^[A-Z][a-z ]+ may\./);
});

test("who owns nothing and has no role is allowed what anyone is, and no more", () => {
  for (const name of names) expect(isAllowed(name, undefined)).toBe(PERMISSIONS[name].roles === "anyone");
  // Nobody's thing belongs to nobody, not to whoever asks first.
  const ann = { id: 7, role: "customer" } as const;
  expect([
    isAllowed("item.change", ann, null),
    isAllowed("item.change", ann),
    isAllowed("item.change", ann, 7),
  ]).toEqual([false, false, true]);
});

test("openapi.json says of each operation who may, and the page of permissions lists it", async () => {
  await using shop = await startApp({ worker: false });
  const page = await shop.app.inject({ url: "/docs/permissions" });
  expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  const rows = new Map(page.body.split("<tr>").map((row) => [/id="([\w.]+)"/.exec(row)?.[1], row]));
  expect([...rows.keys()].filter(Boolean)).toEqual(names);
  for (const { key, permission, description } of await listOperations(shop)) {
    expect(rows.get(permission)).toContain(`<code>${key}</code>`);
    expect(description).toContain(`${describeRule(permission)} Permission: \`${permission}\`.`);
  }
});

// case 51
test("a disabled account, a taken role and a closed session count within a second, although the tokens are good", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const [disabled, demoted] = [await shop.signUp(), await shop.signUp("staff")];
  const status = async (who: typeof admin, url: string) => (await who.get(url)).statusCode;
  const staffOnly = "/api/v2/products/1/movements";
  expect(await status(disabled, "/api/v1/users/me")).toBe(200);
  expect(await status(demoted, staffOnly)).toBe(404);
  const [lostAccount, lostRole] = await Promise.all([
    timed(shop, `/api/v1/users/${disabled.id}`, { status: "disabled" }, async () => {
      return (await status(disabled, "/api/v1/users/me")) === 401;
    }),
    timed(shop, `/api/v1/users/${demoted.id}`, { role: "customer" }, async () => {
      return [401, 403].includes(await status(demoted, staffOnly));
    }),
  ]);
  figure(`refused after: disabled account ${lostAccount} ms, taken role ${lostRole} ms (promised: 1,000)`);

  async function timed(
    _shop: TestApp,
    url: string,
    change: object,
    isRefused: () => Promise<boolean>,
  ): Promise<number> {
    expect((await admin.patch(url, change)).statusCode).toBe(200);
    const begun = performance.now();
    await until(isRefused);
    return Math.round(performance.now() - begun);
  }
});
