import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { problem } from "#src/platform/http/problem.ts";

export type Passwords = {
  /** @returns the Argon2id hash in PHC form; @throws hashingBusy (503) when too many wait */
  hash(password: string): Promise<string>;
  /** An absent hash takes the same time as a wrong password, so that nobody can measure who has an account. */
  verify(hash: string | undefined, password: string): Promise<boolean>;
  close(): Promise<void>;
};

export type HashingTask = { id: number; password: string; hash: string | undefined };
export type HashingResult = { id: number; hash: string; matches: boolean } | { id: number; error: string };

/** About 100 hashes a second and thread: whoever waits longer than 2 s is better told to come again. */
const MAX_WAITING = 200;
const RETRY_AFTER_SECONDS = 2;

// Made with the parameters of hashing-thread.ts from 32 random bytes that nobody has kept.
const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$PtrP72B9gXU8l+A4r2CV7w$nyQQepO1W1VpXnXH3uVLSN1PAVmH6QTvp0PYABgjotE";

export const hashingBusy = problem("auth.busy", 503, "Too many people are logging in at this moment");

/**
 * Argon2id on threads of its own: on the thread pool that Node shares, a wave of logins would starve file and DNS work,
 * and everybody else's requests with them. One core is left to them.
 */
export function createPasswords(threads = Math.max(1, availableParallelism() - 1)): Passwords {
  const waiting = new Map<number, { resolve(result: HashingResult): void; reject(error: unknown): void }>();
  const idle: Worker[] = [];
  const queue: HashingTask[] = [];
  const all = new Set<Worker>();
  let nextId = 1;

  function startThread(): Worker {
    const thread = new Worker(new URL("./hashing-thread.ts", import.meta.url), { name: "hashing" });
    thread.on("message", (result: HashingResult) => {
      waiting.get(result.id)?.resolve(result);
      waiting.delete(result.id);
      thread.unref();
      idle.push(thread);
      next();
    });
    thread.on("error", (error) => {
      all.delete(thread);
      for (const [id, one] of waiting) if (!queue.some((task) => task.id === id)) one.reject(error);
    });
    all.add(thread);
    return thread;
  }

  function next(): void {
    while (queue.length > 0) {
      const thread = idle.pop() ?? (all.size < threads ? startThread() : undefined);
      const task = thread && queue.shift();
      if (task === undefined) return;
      // Counted as a reason to stay alive only while it works: an idle thread must not keep a command from ending.
      thread?.ref();
      thread?.postMessage(task);
    }
  }

  async function run(password: string, hash: string | undefined): Promise<{ hash: string; matches: boolean }> {
    if (queue.length >= MAX_WAITING) throw hashingBusy({ headers: { "retry-after": String(RETRY_AFTER_SECONDS) } });
    const id = nextId++;
    const done = new Promise<HashingResult>((resolve, reject) => waiting.set(id, { resolve, reject }));
    queue.push({ id, password, hash });
    next();
    const result = await done;
    if ("error" in result) throw new Error(`hashing failed: ${result.error}`);
    return result;
  }

  return {
    hash: async (password) => (await run(password, undefined)).hash,
    async verify(hash, password) {
      const { matches } = await run(password, hash ?? NOBODYS_HASH);
      return matches && hash !== undefined;
    },
    async close() {
      await Promise.all([...all].map((thread) => thread.terminate()));
    },
  };
}
