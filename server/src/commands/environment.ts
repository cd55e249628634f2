import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { type Config, readConfig } from "#src/config.ts";
import type { Environment } from "#src/settings.ts";
import { codeOf, mistake } from "#src/platform/mistake.ts";

/** The checkout: `.env` lies here, and a relative DATA_DIR starts here, whatever folder a command is called from. */
export const ROOT = path.resolve(import.meta.dirname, "../../..");

/**
 * What a command on a developer's machine sees: `.env`, and over it the real environment.
 * `api` and `worker` see the real one only: in production nothing comes from a file that lies about.
 */
export function readEnvironment(file = path.join(ROOT, ".env")): Environment {
  try {
    return { ...parseEnv(readFileSync(file, "utf8")), ...process.env };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return process.env;
    throw mistake(`${file} cannot be read (${codeOf(error)}): change its owner or mode, or move it away`, error);
  }
}

/** The configuration of a command on a developer's machine. @throws ConfigError with all mistakes at once */
export function loadConfig(): Config {
  return readConfig(readEnvironment(), ROOT);
}
