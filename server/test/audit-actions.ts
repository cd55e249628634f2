import type { TestApp } from "./app.ts";

/** What was written down so far, in order. */
export async function actionsOf(shop: TestApp): Promise<string[]> {
  const rows = await shop.db.selectFrom("audit_log").select("action").orderBy("id").execute();
  return rows.map(({ action }) => action);
}
