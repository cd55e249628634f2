import pg from "pg";

const UNAVAILABLE_STATES = new Set([
  "40001", // serialization failure
  "40P01", // deadlock: one side was chosen to give way
  "25006", // read-only: a standby that is to take over, or a server that was told to write nothing more
  "3D000", // the database is not there (yet)
  "55P03", // lock_timeout
  "57014", // statement_timeout
  "58030", // I/O error below PostgreSQL
]);
// 08: connection; 25P: idle session ended; 28: we are not let in; 53: out of disk, memory, connections; 57P: shut down, crashed, starting.
const UNAVAILABLE_CLASSES = /^(08|25P|28|53|57P)/;
const UNAVAILABLE_CODES = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)/;
// pg itself has no codes for these.
const UNAVAILABLE_MESSAGES =
  /^(Query read timeout|timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|timeout expired|the pool is closed)/i;

/** Whether the failure says "the database cannot serve this now", so that trying again later may help. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (error instanceof pg.DatabaseError) {
    if (code === undefined) return false;
    return UNAVAILABLE_STATES.has(code) || UNAVAILABLE_CLASSES.test(code) || isOutdatedPlan(error);
  }
  if (code !== undefined && UNAVAILABLE_CODES.test(code)) return true;
  if (UNAVAILABLE_MESSAGES.test(error.message)) return true;
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isUnavailable);
  return error.cause !== undefined && isUnavailable(error.cause);
}

/** Whether the session that raised the error is still in step: PostgreSQL answered, and the session goes on. */
export function leavesSessionUsable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === "ERROR";
}

/** Whether a migration changed a table under a named statement, which must be prepared afresh under another name. */
export function isOutdatedPlan(error: unknown): boolean {
  const isOurs = error instanceof pg.DatabaseError && error.code === "0A000";
  return isOurs && error.message.startsWith("cached plan must not change");
}

/** Whether a statement broke the constraint of this name, as in `violates(error, "users_email_unique")`. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.constraint === constraint;
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
