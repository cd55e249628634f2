import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { hashSync, verifySync } from "@node-rs/argon2";
import { compareSync, truncates } from "bcryptjs";
import type { HashingResult, HashingTask } from "./passwords.ts";

// OWASP Password Storage Cheat Sheet: Argon2id (which is the library's default) with at least 19 MiB, t=2, p=1.
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** A stored hash that asks for more came from nowhere good: it would hold a thread for seconds, and memory. */
const DEAREST = { memoryCost: 262_144, timeCost: 16, bcryptCost: 14 };
const CHEAPEST_BCRYPT_COST = 4;
const ARGON2_VERSION = 19;

// Made with these parameters from 32 random bytes that nobody has kept.
const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$PtrP72B9gXU8l+A4r2CV7w$nyQQepO1W1VpXnXH3uVLSN1PAVmH6QTvp0PYABgjotE";
const ARGON2_FORM = /^\$(argon2id|argon2i|argon2d)\$v=(\d+)\$m=(\d+),t=(\d+),p=(\d+)\$/;
const BCRYPT_FORM = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** A third of the weight of a usual thread: less, and a machine that is busy with other things would let nobody in. */
const NICENESS = 5;
// On Linux a niceness belongs to the thread that sets it: a wave of logins then yields to whoever answers the others.
// Elsewhere it would belong to the whole process.
if (process.platform === "linux") setPriority(0, NICENESS);

parentPort?.on("message", (task: HashingTask) => parentPort?.postMessage(run(task)));

function run({ password, stored }: HashingTask): HashingResult {
  try {
    if (stored === undefined) return { hash: hashSync(password.normalize("NFKC"), ARGON2) };
    return verify(stored, password);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** An absent hash, and one that is of no use, take the time of a wrong password. */
function verify(stored: string | null, password: string): { matches: boolean; isOutdated: boolean } {
  const kind = stored === null ? "unusable" : kindOf(stored);
  if (stored === null || kind === "unusable") {
    verifySync(NOBODYS_HASH, password.normalize("NFKC"));
    return { matches: false, isOutdated: false };
  }
  if (kind === "bcrypt") return { matches: matchesBcrypt(stored, password), isOutdated: true };
  return { matches: verifySync(stored, password.normalize("NFKC")), isOutdated: kind === "outdated" };
}

function kindOf(stored: string): "current" | "outdated" | "bcrypt" | "unusable" {
  const bcryptCost = Number(BCRYPT_FORM.exec(stored)?.[1]);
  if (bcryptCost >= CHEAPEST_BCRYPT_COST && bcryptCost <= DEAREST.bcryptCost) return "bcrypt";
  return kindOfArgon2(stored);
}

function kindOfArgon2(stored: string): "current" | "outdated" | "unusable" {
  const [, type, ...numbers] = ARGON2_FORM.exec(stored) ?? [];
  const [version = 0, memory = 0, time = 0] = numbers.map(Number);
  if (type === undefined || memory > DEAREST.memoryCost || time > DEAREST.timeCost) return "unusable";
  const isOfToday = type === "argon2id" && version === ARGON2_VERSION;
  return isOfToday && memory >= ARGON2.memoryCost && time >= ARGON2.timeCost ? "current" : "outdated";
}

// Hashes that were made elsewhere are of the password as it was typed, so that is tried as well. Of more than 72 bytes
// bcrypt sees the first 72 only: such a password would match whatever follows, so it never matches.
function matchesBcrypt(stored: string, password: string): boolean {
  const forms = new Set([password, password.normalize("NFKC")]);
  return [...forms].some((form) => !truncates(form) && compareSync(form, stored));
}
