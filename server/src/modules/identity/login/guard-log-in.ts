import { availableParallelism } from "node:os";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import { coalesce, queueFull } from "#src/platform/database/coalesce.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { clientNetwork } from "#src/platform/http/rate-limit.ts";
import { callerOf, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { normaliseEmail } from "#src/modules/identity/accounts/email.ts";
import { badCredentials } from "#src/modules/identity/errors.ts";
import type { FailedLogins } from "./failed-logins.ts";
import { findSubject } from "#src/modules/identity/accounts/user-repository.ts";

/** For each processor: enough to keep the threads that hash busy, and few enough to leave room for everybody else. */
const LOGINS_PER_CORE = 2;
/** About 50 to 100 a second are heard: the last one that waits is answered before the time for an answer is over. */
const MAX_WAITING_LOGINS = 200;

type Exchange = { request: FastifyRequest; reply: FastifyReply };
type Guard = <Result>(exchange: Exchange, email: string, attempt: () => Promise<Result>) => Promise<Result>;

/**
 * Counts failed logins by account and by address, and writes them down. A name that nobody has is counted alike, and the
 * right password is refused as well while its account waits: otherwise the limit would tell which guess was right.
 * Who is signed in already is not kept from staying so: a stranger who guesses locks nobody out (ASVS 5.0, 6.1.1).
 * @returns a guard that runs `attempt`, or throws tooMany (429) without running it, or queueFull (503) in a wave of logins
 */
export function guardLogIn(context: Context, { byAccount, byAddress }: FailedLogins): Guard {
  async function record(request: FastifyRequest, action: "login.failed" | "login.throttled", account: string | null) {
    const limit = account === null ? "address" : "account";
    const details = action === "login.throttled" ? { limit } : {};
    // As many statements for a name that nobody has as for one that somebody has: the time must not tell them apart.
    const subject = account === null ? undefined : await findSubject(context.db, account);
    const caller = callerOf(request);
    // Of who is signed in, the address is under a key of that account: it goes with it, and not with the one tried on.
    const known = subject === undefined ? null : (subject.audit_key ?? undefined);
    const entry = { action, user_id: subject?.id ?? null, details };
    await recordAudit(context.db, caller, entry, caller.user_id === null ? known : undefined);
  }

  const guarded: Guard = async ({ request, reply }, email, attempt) => {
    const [network, account] = [clientNetwork(request), normaliseEmail(email)];
    // Taken before the attempt and given back after a good one: a hundred guesses at once would otherwise all be heard
    // before the first is known to have failed. What is written down of the refused is one row a window, not one each.
    await byAddress.take(reply, network, () => record(request, "login.throttled", null));
    await byAccount.take(reply, account, () => record(request, "login.throttled", account));
    let failed = false;
    try {
      return await attempt();
    } catch (error) {
      failed = error instanceof Problem && error.code === badCredentials.code;
      if (failed) await record(request, "login.failed", account);
      throw error;
    } finally {
      if (!failed) await Promise.all([byAddress.giveBack(network), byAccount.giveBack(account)]);
    }
  };

  // One after the other through a door: a wave of logins that all begin at once would have every statement of each of
  // them come before the next read of somebody else.
  const running = { maxBatch: 1, maxWaiting: MAX_WAITING_LOGINS, maxRunning: LOGINS_PER_CORE * availableParallelism() };
  const enter = coalesce<() => Promise<void>, void>(running, async (logins) => {
    for (const login of logins) await login();
    return logins.map(() => ({ value: undefined }));
  });
  return async <Result>(exchange: Exchange, email: string, attempt: () => Promise<Result>) => {
    const { promise, resolve } = Promise.withResolvers<Result>();
    await enter(async () => {
      // Answered already, that it took too long: what nobody waits for would only make those behind it too late as well.
      if (exchange.reply.sent || exchange.request.raw.socket.destroyed) throw queueFull();
      resolve(await guarded(exchange, email, attempt));
    });
    return await promise;
  };
}
