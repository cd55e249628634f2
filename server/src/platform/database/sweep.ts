import type { Db } from "./database.ts";

/** What is thrown away once nobody will ask for it any more. The schedule `platform.sweep` runs those of all modules. */
export type Sweep = {
  /** as in `sessions`; named when it fails */
  name: string;
  /** Deletes at most `limit` rows, skipping those that others hold; gives how many. Called until it gives fewer. */
  deleteBatch(db: Db, limit: number): Promise<number>;
};
