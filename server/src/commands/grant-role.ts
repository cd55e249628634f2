import { grantRole as grant } from "#src/modules/identity/administration/grant-role.ts";
import type { Role } from "#src/permissions.ts";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { mistake } from "#src/platform/mistake.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";

/** Gives the account with this address a role. */
export async function grantRole(email: string, role: string): Promise<void> {
  await withDatabase(loadConfig(), async (url) => {
    const log = createLog({ logLevel: "silent", process: "grant-role" });
    const db = createDatabase(createPool({ url, max: 1, work: "worker", name: "grant-role", log }));
    try {
      const user = await grant(db, email, role as Role).catch((error: unknown) => {
        throw error instanceof Problem ? mistake(error.title) : error;
      });
      if (user === undefined) throw mistake(`there is no account ${email}: register it first`);
      console.log(`${user.email} is ${user.role} now`);
    } finally {
      await db.destroy();
    }
  });
}
