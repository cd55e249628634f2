const MAX_CAUSES = 8;
const MAX_AGGREGATED = 5;
// What PostgreSQL says beyond its message may quote rows ("Key (email)=(...)"), so only names are taken over.
const NAMED_PARTS = ["code", "severity", "constraint", "schema", "table", "column", "routine", "syscall"] as const;

export type LoggedError = {
  type: string;
  message: string;
  stack?: string;
  cause?: LoggedError;
  errors?: LoggedError[];
} & Partial<Record<(typeof NAMED_PARTS)[number], string>>;

/** An error with everything that caused it, as it goes into the log. Never for an answer: it tells how we are made. */
export function errorChain(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: describe(error) };
  const logged: LoggedError = { type: error.name, message: error.message };
  for (const name of NAMED_PARTS) {
    const part: unknown = (error as Error & Record<string, unknown>)[name];
    if (typeof part === "string") logged[name] = part;
  }
  if (error.stack !== undefined) logged.stack = error.stack;
  // A chain may lead back to its start.
  if (depth >= MAX_CAUSES) return logged;
  if (error.cause !== undefined) logged.cause = errorChain(error.cause, depth + 1);
  if (error instanceof AggregateError) {
    logged.errors = error.errors.slice(0, MAX_AGGREGATED).map((one) => errorChain(one, depth + 1));
  }
  return logged;
}

function describe(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null) return `thrown: ${Object.keys(thrown).join(", ")}`;
  return String(thrown);
}
