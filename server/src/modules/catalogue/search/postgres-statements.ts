import { MAX_FACET_VALUES, type SearchSort } from "./search-index.ts";

// Statements that are prepared once per session, so no text is made per request: what is not asked for is null.
// $1 whole text, $2 what stands beside the open word, $3 the open word, $4 wanted words, $5 category, $6 tag, $7 and $8
// price, $9 in stock, $10 rows, $11 and $12 the last hit's sort value and id, $13 price bands.

/** Words that are too common ("the") are not looked for, unless there are no others. */
const ASKED = `
  SELECT (CASE WHEN numnode(q.plain) > 0 THEN q.plain ELSE websearch_to_tsquery('every_word', $1) END)
    || (websearch_to_tsquery('english', $2) && to_tsquery('simple', $3)) AS query
  FROM (SELECT websearch_to_tsquery('english', $1) AS plain) q`;

/** Weights of description (C), tags and category (B), title and SKU (A). */
const WEIGHTS = "'{0, 0.1, 0.4, 1.0}'";
// Damped by the length of the title: who searches for a kettle wants the kettle before the brush to clean it with.
const RELEVANCE = `
  (ts_rank(${WEIGHTS}, s.document, (SELECT query FROM asked)) / (3 + ln(1 + length(s.sort_title))))::real`;

type Order = { key: string; type: string; descending: boolean };
const ORDERS: Record<SearchSort, Order> = {
  relevance: { key: RELEVANCE, type: "real", descending: true },
  price_cents: { key: "s.price_cents", type: "bigint", descending: false },
  "-price_cents": { key: "s.price_cents", type: "bigint", descending: true },
  "-created_at": { key: "s.created_at", type: "timestamptz", descending: true },
  title: { key: "s.sort_title", type: "text", descending: false },
};
// Where everything matches nothing is more relevant than the rest: the newest come first.
const LISTED: Order = { key: "s.created_at", type: "timestamptz", descending: true };

// Each facet counts what fits all filters but its own.
const FITS = {
  category: "($5::text IS NULL OR s.category IS NOT DISTINCT FROM $5)",
  tag: "($6::text IS NULL OR $6 = ANY(s.tags))",
  price: "s.price_cents BETWEEN coalesce($7::bigint, 0) AND coalesce($8::bigint, 9223372036854775807)",
  stock: "($9::boolean IS NULL OR (l.on_hand > l.reserved) IS NOT DISTINCT FROM $9)",
};
// How many items a text matches is not known to the planner, and it reads all levels for ten of them: OFFSET 0 keeps it to
// looking each one up.
const LEVEL_OF_EACH =
  "LATERAL (SELECT item_id, on_hand, reserved FROM stock_levels WHERE item_id = s.item_id OFFSET 0) l";
const ALL = "by_category AND by_tag AND by_price AND by_stock";
const RFC_3339 = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

function textOf({ key, type, descending }: Order, lists: boolean): string {
  const way = descending ? "DESC" : "ASC";
  const collation = type === "text" ? ' COLLATE "C"' : "";
  const behind = `(sort_key, item_id) ${descending ? "<" : ">"} (
      coalesce($11::${type}, (SELECT m.sort_key FROM matched m WHERE m.item_id = $12))${collation}, $12::bigint)`;
  return `
  WITH asked AS MATERIALIZED (${ASKED}),
  matched AS MATERIALIZED (
    SELECT s.item_id, s.category, s.price_cents, s.tags, l.on_hand > l.reserved AS in_stock, ${key} AS sort_key,
      ${FITS.category} AS by_category, ${FITS.tag} AS by_tag, ${FITS.price} AS by_price, ${FITS.stock} AS by_stock
    FROM item_search s LEFT JOIN ${lists ? "stock_levels l" : LEVEL_OF_EACH} ON l.item_id = s.item_id
    WHERE ${lists ? "true" : "s.document @@ (SELECT query FROM asked)"}
  ),
  page AS MATERIALIZED (
    SELECT item_id, in_stock, sort_key FROM matched
    WHERE ${ALL} AND ($12::bigint IS NULL OR ${behind})
    ORDER BY sort_key ${way}, item_id ${way} LIMIT $10
  )
  SELECT
    (SELECT count(*) FROM matched) AS matched,
    (SELECT count(*) FROM matched WHERE ${ALL}) AS total,
    (SELECT to_char(max(indexed_at) AT TIME ZONE 'UTC', ${RFC_3339}) FROM item_search) AS indexed_at,
    ARRAY(SELECT term FROM search_terms WHERE stem IN (
      SELECT (ts_lexize('english_stem', word))[1] FROM unnest($4::text[]) word)) AS found,
    json_build_object(
      'category', coalesce((SELECT json_agg(v) FROM (
        SELECT category AS value, count(*) AS count FROM matched
        WHERE by_tag AND by_price AND by_stock AND category IS NOT NULL
        GROUP BY category ORDER BY count(*) DESC, category COLLATE "C" LIMIT ${MAX_FACET_VALUES}) v), '[]'),
      'tags', coalesce((SELECT json_agg(v) FROM (
        SELECT tag AS value, count(*) AS count
        FROM (SELECT unnest(tags) AS tag FROM matched WHERE by_category AND by_price AND by_stock) each_tag
        GROUP BY tag ORDER BY count(*) DESC, tag COLLATE "C" LIMIT ${MAX_FACET_VALUES}) v), '[]'),
      'price_cents', (SELECT json_agg(json_build_object('min_cents', band, 'max_cents', upper, 'count', coalesce(n, 0))
          ORDER BY band)
        FROM (SELECT band, ($13::bigint[])[place + 1] - 1 AS upper, place::int
              FROM unnest($13::bigint[]) WITH ORDINALITY AS b (band, place)) bands
        LEFT JOIN (SELECT width_bucket(price_cents, $13::bigint[]) AS place, count(*) AS n FROM matched
              WHERE by_category AND by_tag AND by_stock GROUP BY 1) counted USING (place)),
      'in_stock', (SELECT json_build_array(
          json_build_object('value', true, 'count', count(*) FILTER (WHERE in_stock)),
          json_build_object('value', false, 'count', count(*) FILTER (WHERE NOT in_stock)))
        FROM matched WHERE by_category AND by_tag AND by_price)
    ) AS facets,
    coalesce((SELECT json_agg(json_build_object(
        'id', s.item_id, 'title', s.title, 'description', coalesce(i.description, ''), 'price_cents', s.price_cents,
        'category', s.category, 'tags', s.tags, 'sku', s.sku, 'in_stock', p.in_stock, 'version', s.version,
        'created_at', to_char(s.created_at AT TIME ZONE 'UTC', ${RFC_3339}),
        'sort_value', ${type === "timestamptz" ? `to_char(p.sort_key AT TIME ZONE 'UTC', ${RFC_3339})` : "p.sort_key::text"}) ORDER BY p.sort_key ${way}, p.item_id ${way})
      FROM page p JOIN item_search s USING (item_id) LEFT JOIN items i ON i.id = p.item_id), '[]') AS hits`;
}

const statements = new Map(
  (Object.keys(ORDERS) as SearchSort[]).flatMap((sort) =>
    [true, false].map((lists) => [`${sort} ${lists}`, writeStatement(sort, lists)] as const),
  ),
);

/** The statement of a search in this order; `lists` for one without a text, to which every item matches. */
export function searchStatement(sort: SearchSort, lists: boolean): { name: string; text: string } {
  const known = statements.get(`${sort} ${lists}`);
  if (known === undefined) throw new Error(`there is no order ${sort}`);
  return known;
}

function writeStatement(sort: SearchSort, lists: boolean) {
  const order = lists && sort === "relevance" ? LISTED : ORDERS[sort];
  const name = `search_${sort.replace("-", "falling_")}${lists ? "_listed" : ""}`;
  return { name, text: textOf(order, lists) };
}

/** $1: JSON of words with their rests. Words that some item has, or another form of them, are right as they are. */
export const SIMILAR_WORDS = `
  SELECT w.word, t.term, t.spelling, t.items
  FROM jsonb_to_recordset($1::jsonb) AS w (word text, rests text[])
  JOIN search_terms t ON t.rests && w.rests
  WHERE NOT EXISTS (SELECT FROM search_terms k WHERE k.term = w.word)
    AND NOT EXISTS (
      SELECT FROM search_terms k WHERE k.stem = coalesce((ts_lexize('english_words', w.word))[1], w.word))`;

// No word begins with the last character of Unicode: this is where the words end that begin with $1.
const BEGINS = `term >= $1 AND term < $1 || U&'\\+10FFFF'`;

/** The most frequent words that begin with $1, at most $2. */
export const COMPLETE_WORD = `
  SELECT spelling FROM search_terms WHERE ${BEGINS} ORDER BY items DESC, term LIMIT $2`;

/** Items that are looked at for what stands beside the words before; enough to tell the frequent from the rare. */
const MAX_LOOKED_AT = 500;

/** Of the items that have $3 and a word that begins as $4 ends: the most frequent of these words, at most $2. */
export const COMPLETE_WORD_BESIDE = `
  SELECT t.spelling FROM (
    SELECT term, count(*) AS n FROM (
      SELECT terms FROM item_search
      WHERE document @@ (websearch_to_tsquery('english', $3) && to_tsquery('simple', $4)) LIMIT ${MAX_LOOKED_AT}
    ) looked_at, unnest(terms) term
    WHERE ${BEGINS} GROUP BY term ORDER BY n DESC, term LIMIT $2
  ) c JOIN search_terms t USING (term) ORDER BY c.n DESC, t.term`;
