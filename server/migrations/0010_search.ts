import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- Stems like "english", but no word is too common to be found: there are bands and films that are called so.
    CREATE TEXT SEARCH DICTIONARY english_words (TEMPLATE = snowball, Language = english);
    CREATE TEXT SEARCH CONFIGURATION every_word (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION every_word ALTER MAPPING FOR asciiword, word WITH english_words;

    CREATE TABLE item_search (
      item_id bigint PRIMARY KEY,
      title text NOT NULL,
      -- Compared by code point, so that every engine sorts alike.
      sort_title text COLLATE "C" NOT NULL,
      category text,
      tags text[] NOT NULL,
      sku text,
      price_cents bigint NOT NULL,
      created_at timestamptz NOT NULL,
      version integer NOT NULL,
      -- The words that this item has in search_terms.
      terms text[] NOT NULL,
      document tsvector NOT NULL,
      indexed_at timestamptz NOT NULL DEFAULT now()
    );
    -- Without fastupdate: a search would have to read through the list of what is not yet in the index.
    CREATE INDEX item_search_document ON item_search USING gin (document) WITH (fastupdate = off);
    CREATE INDEX item_search_indexed_at ON item_search (indexed_at);

    -- Every word of the items: what it is spelt like, in how many items it is, and what is left of its beginning when one
    -- or two letters are taken away. Two words within two edits of each other have such a rest in common.
    CREATE TABLE search_terms (
      term text COLLATE "C" PRIMARY KEY,
      stem text NOT NULL,
      spelling text NOT NULL,
      items integer NOT NULL,
      rests text[] NOT NULL
    ) WITH (fillfactor = 80);
    CREATE INDEX search_terms_stem ON search_terms (stem);
    CREATE INDEX search_terms_rests ON search_terms USING gin (rests) WITH (fastupdate = off);

    -- Before the rows of a batch are read it draws a number: of two batches the larger one knows all that the other knows.
    CREATE SEQUENCE item_search_revisions;

    -- Items that are there already are indexed as if they had just been put up.
    INSERT INTO subscriptions (topic, consumer) VALUES ('item.changed', 'catalogue.index') ON CONFLICT DO NOTHING;
    WITH told AS (
      INSERT INTO outbox (topic, payload, correlation_id, traceparent)
      SELECT 'item.changed', jsonb_build_object('item_id', id), 'search-index',
             '00-' || md5('search-index') || '-' || left(md5(id::text), 16) || '-00'
      FROM items ORDER BY id RETURNING id
    )
    INSERT INTO deliveries (message_id, consumer) SELECT id, 'catalogue.index' FROM told;
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DELETE FROM deliveries WHERE consumer = 'catalogue.index';
    DELETE FROM subscriptions WHERE consumer = 'catalogue.index';
    DROP SEQUENCE item_search_revisions;
    DROP TABLE search_terms, item_search;
    DROP TEXT SEARCH CONFIGURATION every_word;
    DROP TEXT SEARCH DICTIONARY english_words;
  `.execute(db);
}
