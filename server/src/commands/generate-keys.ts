import { randomBytes } from "node:crypto";
import { generateKeys as generate } from "#src/platform/security/secrets.ts";

const TOKEN_BYTES = 32;

/** Prints fresh secrets in the form of `.env`; single quotes, because keys are JSON. */
export async function generateKeys(metricsToken: boolean): Promise<void> {
  const secrets: Record<string, string> = await generate();
  if (metricsToken) secrets["METRICS_TOKEN"] = randomBytes(TOKEN_BYTES).toString("base64url");
  for (const [name, value] of Object.entries(secrets)) console.log(`${name}='${value}'`);
}
