import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { actionsOf } from "#test/audit-actions.ts";
import { served } from "#test/served.ts";

const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };

const register = (shop: TestApp, change: Record<string, unknown> = {}) =>
  shop.anonymous.post("/api/v1/users/register", { ...ann, ...change });
const logIn = (shop: TestApp, email: string, password = ann.password) =>
  shop.anonymous.post("/api/v1/users/login", { email, password });
const emails = async (shop: TestApp) =>
  (await shop.db.selectFrom("users").select("email").orderBy("id").execute()).map(({ email }) => email);

// case 17
test("a hundred registrations of one address at once make one account", async () => {
  await using shop = await startApp({ worker: false });
  // Hashed once for all: the race is for the row, and a hundred hashes on a busy machine would be too late for an answer.
  const hash = await shop.context.passwords.hash(ann.password);
  shop.context.passwords.hash = async () => hash;
  const spellings = ["ann@example.com", "ANN@example.com", "Ann@EXAMPLE.com", "Ａnn@example.com", " ann@example.com "];
  const asked = Array.from({ length: 100 }, (_, index) =>
    served(() => register(shop, { email: spellings[index % 5] })),
  );
  const answers = await Promise.all(asked);
  expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, ...Array(99).fill(409)]);
  expect(new Set(answers.map(({ body }) => body["code"]))).toEqual(new Set([undefined, "user.email_taken"]));
  expect(await emails(shop)).toEqual(["ann@example.com"]);
  expect(await actionsOf(shop)).toEqual(["account.opened"]);
});

// cases 2, 3, 4, 5
test("an address in other letters, forms or spaces is the same account, at registering and at login", async () => {
  await using shop = await startApp({ worker: false });
  expect((await register(shop, { email: "Ann@Bücher.example" })).body).toMatchObject({
    email: "ann@xn--bcher-kva.example",
  });
  for (const email of [
    "ann@bücher.example",
    "ANN@BU\u0308CHER.EXAMPLE",
    "ａｎｎ＠bücher.example",
    " ann@xn--bcher-kva.example ",
  ]) {
    expect((await register(shop, { email })).body["code"]).toBe("user.email_taken");
    expect((await logIn(shop, email)).statusCode).toBe(200);
  }
  expect(await emails(shop)).toHaveLength(1);
});

// cases 8, 11, 12, 13
test.each([
  ["64 characters", "h".repeat(64)],
  ["128 characters", "h".repeat(128)],
  ["128 emoji, which are 512 bytes", "🫖".repeat(128)],
  ["spaces at its ends", "  a horse and a battery  "],
  ["one kind of characters", "thequickfoxjumps"],
  ["digits that nobody guesses", "8305 1794 2266"],
  ["another script", "пять старых чайников"],
])("a password of %s is taken whole: its last character counts", async (_, password) => {
  await using shop = await startApp({ worker: false });
  expect((await register(shop, { password })).statusCode).toBe(201);
  const shorter = Array.from(password).slice(0, -1).join("");
  expect((await logIn(shop, ann.email, password)).statusCode).toBe(200);
  expect((await logIn(shop, ann.email, `${shorter}#`)).statusCode).toBe(401);
  expect((await logIn(shop, ann.email, shorter)).statusCode).toBe(401);
});

test("a password typed in another normal form of Unicode is the same password", async () => {
  await using shop = await startApp({ worker: false });
  await register(shop, { password: "cafe\u0301 am Morgen" });
  expect((await logIn(shop, ann.email, "caf\u00e9 am Morgen")).statusCode).toBe(200);
  expect((await logIn(shop, ann.email, "cafe am Morgen")).statusCode).toBe(401);
});

// cases 7, 9, 10
test.each([
  ["7 characters", "k7h2m9q"],
  ["8 that are 4 after NFKC", "e\u0301a\u0301o\u0301u\u0301"],
  ["129 characters", "x".repeat(129)],
  ["more than 1,024 bytes", "x".repeat(1_025)],
  ["a common word", "sunshine"],
  ["a common word with what people add", "Football123"],
  ["the address itself", "ann@example.com"],
])("a password of %s is refused with its field, and nothing is hashed or stored", async (_, password) => {
  await using shop = await startApp({ worker: false });
  let hashed = 0;
  const { hash } = shop.context.passwords;
  shop.context.passwords.hash = async (text) => {
    hashed += 1;
    return await hash(text);
  };
  const refused = await register(shop, { password });
  expect(refused).toMatchObject({ statusCode: 422, body: { errors: [{ path: "password" }] } });
  expect(JSON.stringify(refused.body)).not.toContain(password);
  expect([hashed, await emails(shop)]).toEqual([0, []]);
});

// case 13
test("a NUL in a password is refused as text that nobody can type, not cut off", async () => {
  await using shop = await startApp({ worker: false });
  expect((await register(shop, { password: "correct\0horse battery" })).statusCode).toBe(400);
  expect(await emails(shop)).toEqual([]);
});

test("registering is limited by address of the network, and a forged one does not help", async () => {
  await using shop = await startApp({ worker: false, env: { RATE_LIMIT_SCALE: "1" } });
  const statuses: number[] = [];
  for (let nth = 0; nth < 22; nth += 1) {
    const forged = { "x-forwarded-for": `198.51.100.${nth}` };
    const sent = shop.anonymous.post("/api/v1/users/register", { ...ann, email: `ann-${nth}@example.com` }, forged);
    statuses.push((await sent).statusCode);
  }
  expect(statuses).toEqual([...Array(20).fill(201), 429, 429]);
});
