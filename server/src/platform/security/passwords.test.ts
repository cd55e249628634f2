import { hashSync } from "@node-rs/argon2";
import { hashSync as bcryptSync } from "bcryptjs";
import { afterAll, expect, test } from "vitest";
import { createPasswords } from "./passwords.ts";

const passwords = createPasswords(1);
afterAll(() => passwords.close());

const PASSWORD = "correct horse battery";
/** Two hundred hashes on one thread that yields to everything else on the machine. */
const WAVE_WITHIN_MS = 120_000;
const wrong = { matches: false, isOutdated: false };

test("a hash of today is of Argon2id with at least 19 MiB, two passes and one lane, and not outdated", async () => {
  const hash = await passwords.hash(PASSWORD);
  const [, memory, time, lanes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(hash) ?? [];
  expect([Number(memory) >= 19_456, Number(time) >= 2, Number(lanes) >= 1]).toEqual([true, true, true]);
  expect(await passwords.examine(hash, PASSWORD)).toEqual({ matches: true, isOutdated: false });
  expect(await passwords.examine(hash, `${PASSWORD}x`)).toEqual(wrong);
});

// case 16
test.each([
  ["Argon2id with less memory", hashSync(PASSWORD, { memoryCost: 4_096, timeCost: 3, parallelism: 1 }), true],
  ["Argon2id with one pass", hashSync(PASSWORD, { memoryCost: 19_456, timeCost: 1, parallelism: 1 }), true],
  ["Argon2i", hashSync(PASSWORD, { algorithm: 1, memoryCost: 19_456, timeCost: 2, parallelism: 1 }), true],
  ["Argon2id with more memory", hashSync(PASSWORD, { memoryCost: 32_768, timeCost: 2, parallelism: 1 }), false],
  ["bcrypt $2b$", bcryptSync(PASSWORD, 4), true],
  ["bcrypt $2a$", bcryptSync(PASSWORD, 4).replace("$2b$", "$2a$"), true],
  ["bcrypt $2y$", bcryptSync(PASSWORD, 5).replace("$2b$", "$2y$"), true],
])("a hash of %s is verified, and called outdated or not: %#", async (_, hash, isOutdated) => {
  expect(await passwords.examine(hash, PASSWORD)).toEqual({ matches: true, isOutdated });
  expect((await passwords.examine(hash, "wrong horse battery")).matches).toBe(false);
});

// case 12
test("a password of more than 72 bytes matches no bcrypt hash, which would see the first 72 only", async () => {
  const long = "a horse ".repeat(9);
  const hash = bcryptSync(long, 4);
  expect((await passwords.examine(hash, long)).matches).toBe(true);
  expect((await passwords.examine(hash, `${long}x`)).matches).toBe(false);
  expect((await passwords.examine(hash, `${long}y`)).matches).toBe(false);
});

test("a bcrypt hash of a password as it was typed is verified though its NFKC form is another", async () => {
  expect((await passwords.examine(bcryptSync("cafe\u0301 am Morgen", 4), "cafe\u0301 am Morgen")).matches).toBe(true);
  expect((await passwords.examine(bcryptSync("caf\u00e9 am Morgen", 4), "cafe\u0301 am Morgen")).matches).toBe(true);
});

test.each([
  ["nothing at all", undefined],
  ["an empty text", ""],
  ["a word", "none"],
  ["bcrypt that would take minutes", bcryptSync(PASSWORD, 4).replace("$04$", "$20$")],
  ["bcrypt that nobody can make", bcryptSync(PASSWORD, 4).replace("$04$", "$00$")],
  ["Argon2 that would take all memory", hashSync(PASSWORD).replace(/m=\d+/, "m=4194304")],
  ["Argon2 that would take for ever", hashSync(PASSWORD).replace(/t=\d+/, "t=4000000")],
])("with %s for a hash no password is right, and nothing fails", async (_, hash) => {
  expect(await passwords.examine(hash, PASSWORD)).toEqual(wrong);
});

// cases 12, 13
test("every byte of a long password counts, and a NUL is one like others", async () => {
  const long = "🫖".repeat(128);
  const hash = await passwords.hash(long);
  expect(await passwords.verify(hash, long)).toBe(true);
  expect(await passwords.verify(hash, `${"🫖".repeat(127)}☕`)).toBe(false);
  const withNul = await passwords.hash("correct\0horse");
  expect([
    await passwords.verify(withNul, "correct\0horse"),
    await passwords.verify(withNul, "correct\0other"),
  ]).toEqual([true, false]);
});

// case 31
test(
  "when too many wait the next is told to come again, and those who wait are served",
  { timeout: WAVE_WITHIN_MS },
  async () => {
    const asked = Array.from({ length: 260 }, () => passwords.verify(undefined, PASSWORD));
    const answers = await Promise.allSettled(asked);
    const refused = answers.filter((answer) => answer.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(refused.map(() => "auth.busy"));
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(200);
  },
);
