import { addKey, promoteKey, retireKeys, stateOf } from "#src/platform/security/rotate-keys.ts";
import {
  findSigningKeys,
  generateSigningKey,
  rewriteSigningKeys,
  type SigningKey,
  signingKeysFile,
} from "#src/platform/security/secrets.ts";
import { loadConfig } from "./environment.ts";

export type RotationStep = "status" | "add" | "promote" | "retire";

const LABEL_WIDTH = 14;

/**
 * Takes one step of the rotation of the signing keys, or tells where it stands. Keys in a file (SIGNING_KEYS_FILE or that
 * of DATA_DIR) are changed there, and running processes follow; keys in the environment are printed for whoever keeps it.
 * @param options.now does not wait for the time of the step
 * @param options.print changes no file and prints the new value
 */
export async function rotateKeys(step: RotationStep, options: { now?: true; print?: true }): Promise<void> {
  const config = loadConfig();
  const current = await findSigningKeys(config);
  const file = signingKeysFile(config);
  if (step === "status") {
    describe(current, file);
    return;
  }
  const fresh = await generateSigningKey();
  const now = Math.floor(Date.now() / 1_000);
  const early = { early: options.now === true };
  const change = (keys: SigningKey[]): SigningKey[] => {
    if (step === "add") return addKey(keys, fresh, now);
    return step === "promote" ? promoteKey(keys, now, early) : retireKeys(keys, now, early);
  };
  if (file !== undefined && options.print !== true) {
    describe(await rewriteSigningKeys(file, change), file);
    return;
  }
  const keys = change(current);
  console.log(`SIGNING_KEYS='${JSON.stringify(keys)}'`);
  describe(keys, undefined);
}

/** On standard error: standard output may be on its way into a file. */
function describe(keys: SigningKey[], file: string | undefined): void {
  const lines = keys.map((key, index) => {
    const { state, until } = stateOf(key, index);
    const when = until === undefined ? "" : `  until ${new Date(until * 1_000).toISOString()}`;
    return `  ${key.kid}  ${state.padEnd(LABEL_WIDTH)}${when}`;
  });
  const where = file === undefined ? "SIGNING_KEYS, which running processes read when they start" : file;
  console.error(`${where}\n${lines.join("\n")}\n${nextStep(keys, file === undefined)}`);
}

function nextStep(keys: SigningKey[], isEnvironment: boolean): string {
  const states = new Set(keys.map((key, index) => stateOf(key, index).state));
  const first = isEnvironment ? "Give it to every process by a rolling restart; " : "";
  if (states.has("waits to sign")) return `${first}next: 'rotate-keys promote', not before that time.`;
  if (states.has("only verifies")) return `${first}next: 'rotate-keys retire', not before that time.`;
  return "No rotation is under way; 'rotate-keys add' begins one.";
}
