import { parentPort } from "node:worker_threads";
import { hashSync, verifySync } from "@node-rs/argon2";
import type { HashingResult, HashingTask } from "./passwords.ts";

// OWASP Password Storage Cheat Sheet: Argon2id (which is the library's default) with at least 19 MiB, t=2, p=1.
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

parentPort?.on("message", (task: HashingTask) => parentPort?.postMessage(run(task)));

function run({ id, password, hash }: HashingTask): HashingResult {
  try {
    if (hash === undefined) return { id, hash: hashSync(password, ARGON2), matches: true };
    return { id, hash, matches: verifySync(hash, password) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
