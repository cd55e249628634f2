const MAX_CAUSES = 8;
const MAX_AGGREGATED = 5;
// What PostgreSQL says beyond its message may quote rows ("Key (email)=(...)"), so only names are taken over.
const NAMED_PARTS = ["code", "severity", "constraint", "schema", "table", "column", "routine", "syscall"] as const;

// Not a path of a package, as in node_modules/@scope/name: something must stand before the @.
const ADDRESS = /[^\s@<>()"'`,;:=/[\]{}]{1,64}@[^\s@<>()"'`,;:=/[\]{}]{1,255}/g;

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
  const logged: LoggedError = { type: error.name, message: withoutAddresses(error.message) };
  for (const name of NAMED_PARTS) {
    const part: unknown = (error as Error & Record<string, unknown>)[name];
    if (typeof part === "string") logged[name] = part;
  }
  if (error.stack !== undefined) logged.stack = withoutAddresses(error.stack);
  // A chain may lead back to its start.
  if (depth >= MAX_CAUSES) return logged;
  if (error.cause !== undefined) logged.cause = errorChain(error.cause, depth + 1);
  if (error instanceof AggregateError) {
    logged.errors = error.errors.slice(0, MAX_AGGREGATED).map((one) => errorChain(one, depth + 1));
  }
  return logged;
}

/** A text of somebody else's without the e-mail addresses in it: servers quote what they refuse. */
export function withoutAddresses(text: string): string {
  return text.includes("@") ? text.replaceAll(ADDRESS, "***@***") : text;
}

function describe(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null) return `thrown: ${Object.keys(thrown).join(", ")}`;
  return withoutAddresses(String(thrown));
}
