import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { until } from "#test/until.ts";
import { generateSigningKey, type SigningKey } from "./secrets.ts";
import { createTokens } from "./tokens.ts";
import { watchSigningKeys } from "./watch-keys.ts";

const claims = { user_id: 7, session_id: "0195e5a4-0000-7000-8000-000000000000" };

test("a file that cannot be used changes nothing and is complained about once; what comes after it counts", async () => {
  const [old, fresh] = [await generateSigningKey(), await generateSigningKey()];
  await using watch = await startWatch([old]);
  const { tokens, complaints } = watch;
  const { access_token } = await tokens.issue(claims);
  const unusable: [text: string, reason: RegExp][] = [
    ['[{"kty":"OKP"', /must be a JSON array/],
    [JSON.stringify([old, { ...fresh, kid: old.kid }]), /two keys with the same kid/],
    [JSON.stringify([{ ...fresh, x: old.x }, old]), /do not belong together/],
  ];
  for (const [text, reason] of unusable) {
    await watch.write(text);
    await until(() => reason.test(complaints().at(-1) ?? ""), complaints);
    expect(tokens.jwks.keys.map(({ kid }) => kid)).toEqual([old.kid]);
    expect(await tokens.verify(access_token)).toEqual(claims);
  }
  await watch.write(JSON.stringify([fresh]));
  await until(() => tokens.jwks.keys[0]?.["kid"] === fresh.kid);
  expect(await tokens.verify(access_token)).toBeUndefined();
  expect(complaints()).toHaveLength(unusable.length);
});

async function startWatch(keys: SigningKey[]) {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-watch-"));
  const file = path.join(folder, "keys.json");
  const write = (text: string) => writeFile(file, text);
  await write(JSON.stringify(keys));
  const lines: { level: string; err?: { message: string } }[] = [];
  const log = createLog(
    { logLevel: "info", process: "test" },
    { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
  );
  const tokens = await createTokens(keys);
  const watch = watchSigningKeys({ tokens, log }, file, keys);
  return {
    tokens,
    write,
    complaints: () => lines.flatMap(({ err }) => (err === undefined ? [] : [JSON.stringify(err)])),
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
