import Type, { type Static } from "typebox";
import { Choice, Id, Money, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

const MAX_TITLE_LENGTH = 200;
const MAX_DESCRIPTION_LENGTH = 10_000;
const MAX_CATEGORY_LENGTH = 100;
const MAX_TAGS = 20;
const MAX_TAG_LENGTH = 50;
const MAX_SKU_LENGTH = 64;
const MAX_REASON_LENGTH = 200;
/** Most pieces of one product; far from where the column's integer ends. */
export const MAX_STOCK = 1_000_000_000;

const Title = Text(1, MAX_TITLE_LENGTH, { examples: ["Kettle"] });
const Description = Text(0, MAX_DESCRIPTION_LENGTH, { examples: ["Boils a litre in two minutes."] });
export const Category = Text(1, MAX_CATEGORY_LENGTH, { examples: ["kitchen"] });
export const Tag = Text(1, MAX_TAG_LENGTH);
const Tags = Type.Array(Tag, { maxItems: MAX_TAGS, uniqueItems: true, examples: [["steel"]] });
export const Sku = Text(1, MAX_SKU_LENGTH, { examples: ["KET-001"] });

const STATUSES = ["draft", "active", "archived"] as const;
const STATUS_MEANS =
  "active: on show; draft: not yet, only its owner and the staff see it; archived: no longer, only their lists tell of it";
export const ItemStatus = Choice(STATUSES, { description: STATUS_MEANS });
const FirstStatus = Choice(["draft", "active"], { description: "active when nothing is said" });

const listing = {
  description: Type.Optional(Description),
  category: Type.Optional(Nullable(Category)),
  tags: Type.Optional(Tags),
  sku: Type.Optional(Nullable(Sku)),
};
export const NewItem = Strict({
  title: Title,
  price_cents: Type.Optional(Money),
  owner_id: Type.Optional(Id),
  status: Type.Optional(FirstStatus),
  ...listing,
});
const status = Type.Optional(ItemStatus);
export const ItemChange = Strict({
  title: Type.Optional(Title),
  price_cents: Type.Optional(Money),
  status,
  ...listing,
});
export const ItemReplacement = Strict({ title: Title, price_cents: Type.Optional(Money), status, ...listing });
export type ItemChange = Static<typeof ItemChange>;
export type NewItem = Static<typeof NewItem>;

const Owner = Strict({ id: Id, full_name: Type.String() });
const shown = {
  description: Type.String(),
  price_cents: Money,
  category: Nullable(Type.String()),
  tags: Type.Array(Type.String()),
  sku: Nullable(Type.String()),
  status: ItemStatus,
  version: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
};
export const Item = Strict({
  id: Id,
  owner_id: Id,
  owner: Owner,
  title: Type.String(),
  tracked: Type.Boolean({ description: "whether it is sold from stock, and so is a product" }),
  ...shown,
});
export type Item = Static<typeof Item>;

const stock = { available: Type.Integer({ description: "on hand and not reserved" }), in_stock: Type.Boolean() };
export const Product = Strict({ id: Id, owner_id: Id, name: Type.String(), ...shown, ...stock });
export type Product = Static<typeof Product>;

const Stock = Type.Integer({ minimum: 0, maximum: MAX_STOCK, examples: [50] });
export const NewProduct = Strict({
  name: Title,
  price_cents: Money,
  stock: Type.Optional(Stock),
  status: Type.Optional(FirstStatus),
  ...listing,
});
export type NewProduct = Static<typeof NewProduct>;
export const ProductChange = Strict({
  name: Type.Optional(Title),
  price_cents: Type.Optional(Money),
  status,
  ...listing,
});
export const ProductReplacement = Strict({ name: Title, price_cents: Money, status, ...listing });
export type ProductChange = Static<typeof ProductChange>;

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

export const StockAdjustment = Strict({
  delta: Type.Integer({ minimum: -MAX_STOCK, maximum: MAX_STOCK, examples: [10] }),
  reason: Text(1, MAX_REASON_LENGTH, { examples: ["delivery 2026-11"] }),
});

export const StockLevel = Strict({
  product_id: Id,
  on_hand: Type.Integer(),
  reserved: Type.Integer({ description: "held by orders" }),
  available: Type.Integer({ description: "on hand and not reserved" }),
  low_stock_threshold: Nullable(Type.Integer()),
});
export const StockSettings = Strict({
  low_stock_threshold: Nullable(Type.Integer({ minimum: 1, maximum: MAX_STOCK, examples: [5] })),
});

export const MovementKind = Choice(["adjusted", "reserved", "released", "shipped"]);
export const Movement = Strict({
  id: Id,
  item_id: Id,
  kind: MovementKind,
  on_hand_delta: Type.Integer(),
  reserved_delta: Type.Integer(),
  reason: Nullable(Type.String()),
  order_id: Nullable(Id),
  user_id: Nullable(Id),
  correlation_id: Type.String(),
  created_at: Timestamp,
});
export type Movement = Static<typeof Movement>;
