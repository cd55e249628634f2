const CODE = "SHOPFLOOR_MISTAKE";

/**
 * What the person at the keyboard can mend, as opposed to a bug: commands print its one line and no stack.
 * @param line what is wrong and the way out
 */
export function mistake(line: string, cause?: unknown): Error & { code: string } {
  return Object.assign(new Error(line, cause === undefined ? {} : { cause }), { code: CODE });
}

export function isMistake(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === CODE;
}

/** The code of a system call's or PostgreSQL's error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
