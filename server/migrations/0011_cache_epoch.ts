import { type Kysely, sql } from "kysely";

// One row: part of every key in a shared cache. Raised in the transaction of a change that could not be told to the
// cache, it puts everything that was stored before out of reach.
// The nonce tells the epochs of this database from those of one that was here before it.
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE cache_epoch (
      one boolean PRIMARY KEY DEFAULT true CONSTRAINT cache_epoch_is_one_row CHECK (one),
      epoch bigint NOT NULL DEFAULT 1,
      nonce uuid NOT NULL DEFAULT gen_random_uuid()
    );
    INSERT INTO cache_epoch DEFAULT VALUES;
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE cache_epoch`.execute(db);
}
