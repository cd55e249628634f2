import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { problem } from "#src/platform/http/problem.ts";

export type Passwords = {
  /** @returns the Argon2id hash of the NFKC form, in PHC form; @throws hashingBusy (503) when too many wait */
  hash(password: string): Promise<string>;
  /** An absent hash takes the same time as a wrong password, so that nobody can measure who has an account. */
  verify(hash: string | undefined, password: string): Promise<boolean>;
  /**
   * The same, and whether the hash is of an older kind (bcrypt, or Argon2 with less than today's parameters), which
   * should be replaced now that the password is at hand.
   */
  examine(hash: string | undefined, password: string): Promise<{ matches: boolean; isOutdated: boolean }>;
  close(): Promise<void>;
};

/** `stored`: what to compare with, null for a name that nobody has; undefined: make a hash. */
export type HashingTask = { password: string; stored: string | null | undefined };
export type HashingResult = { hash: string } | { matches: boolean; isOutdated: boolean } | { error: string };
type Waiting = { task: HashingTask; resolve(result: HashingResult): void; reject(error: unknown): void };

/** About 100 hashes a second and thread: whoever waits longer than 2 s is better told to come again. */
const MAX_WAITING = 200;
const RETRY_AFTER_SECONDS = 2;

export const hashingBusy = problem("auth.busy", 503, "Too many people are logging in at this moment");

/**
 * Argon2id on threads of its own: on the thread pool that Node shares, a wave of logins would starve file and DNS work,
 * and everybody else's requests with them. One core is left to them.
 */
export function createPasswords(threads = Math.max(1, availableParallelism() - 1)): Passwords {
  const queue: Waiting[] = [];
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  const busy = new Map<Worker, Waiting>();

  function startThread(): Worker {
    const thread = new Worker(new URL("./hashing-thread.ts", import.meta.url), { name: "hashing" });
    thread.on("message", (result: HashingResult) => {
      busy.get(thread)?.resolve(result);
      busy.delete(thread);
      thread.unref();
      idle.push(thread);
      next();
    });
    thread.on("error", (error) => {
      busy.get(thread)?.reject(error);
      busy.delete(thread);
      all.delete(thread);
      next();
    });
    all.add(thread);
    return thread;
  }

  function next(): void {
    while (queue.length > 0) {
      const thread = idle.pop() ?? (all.size < threads ? startThread() : undefined);
      const first = thread && queue.shift();
      if (thread === undefined || first === undefined) return;
      busy.set(thread, first);
      // Counted as a reason to stay alive only while it works: an idle thread must not keep a command from ending.
      thread.ref();
      thread.postMessage(first.task);
    }
  }

  async function run(password: string, stored: string | null | undefined): Promise<HashingResult> {
    if (queue.length >= MAX_WAITING) throw hashingBusy({ headers: { "retry-after": String(RETRY_AFTER_SECONDS) } });
    const { promise, resolve, reject } = Promise.withResolvers<HashingResult>();
    queue.push({ task: { password, stored }, resolve, reject });
    next();
    return await promise;
  }

  async function examine(hash: string | undefined, password: string) {
    const result = await run(password, hash ?? null);
    if ("matches" in result) return { matches: result.matches, isOutdated: result.isOutdated };
    throw new Error(`a password could not be verified: ${"error" in result ? result.error : "no answer"}`);
  }

  return {
    async hash(password) {
      const result = await run(password, undefined);
      if ("hash" in result) return result.hash;
      throw new Error(`a password could not be hashed: ${"error" in result ? result.error : "no answer"}`);
    },
    verify: async (hash, password) => (await examine(hash, password)).matches,
    examine,
    async close() {
      await Promise.all([...all].map((thread) => thread.terminate()));
    },
  };
}
