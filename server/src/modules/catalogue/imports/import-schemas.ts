import Type, { type Static } from "typebox";
import { Category, Description, Sku, Tags, Title } from "#src/modules/catalogue/items/item-schemas.ts";
import { Stock } from "#src/modules/catalogue/stock/stock-schemas.ts";
import { Choice, Id, Money, Nullable, Strict, Timestamp } from "#src/platform/http/schemas.ts";

/** A product as a file or a list names it: by its SKU. What is left out stays as it is; a new one needs no more. */
export const ProductLineFields = Strict({
  sku: Sku,
  name: Title,
  price_cents: Money,
  stock: Type.Optional(Stock),
  category: Type.Optional(Category),
  tags: Type.Optional(Tags),
  description: Type.Optional(Description),
});
export type ProductLine = Static<typeof ProductLineFields>;

export const MAX_BULK = 500;
export const ProductLines = Strict({
  products: Type.Array(ProductLineFields, { minItems: 1, maxItems: MAX_BULK }),
});
export const LineOutcome = Choice(["waiting", "created", "updated", "unchanged", "refused"]);
export const BulkOutcome = Strict({
  data: Type.Array(Strict({ sku: Type.String(), product_id: Id, outcome: LineOutcome })),
});

export const ImportStatus = Choice(["queued", "running", "done", "failed"]);
export const ProductImport = Strict({
  id: Id,
  status: ImportStatus,
  total: Type.Integer({ description: "lines of the file" }),
  done: Type.Integer({ description: "lines dealt with" }),
  created: Type.Integer(),
  updated: Type.Integer(),
  unchanged: Type.Integer(),
  refused: Type.Integer({ description: "lines that are wrong; one is enough, and nothing is written" }),
  detail: Nullable(Type.String()),
  user_id: Id,
  correlation_id: Type.String(),
  created_at: Timestamp,
  finished_at: Nullable(Timestamp),
});
export type ProductImport = Static<typeof ProductImport>;
export const ImportLine = Strict({
  line: Type.Integer({ description: "as an editor counts: the header is 1" }),
  sku: Type.String(),
  outcome: LineOutcome,
  message: Nullable(Type.String()),
  item_id: Nullable(Id),
});
