import Type, { type Static } from "typebox";
import { Stock } from "#src/modules/catalogue/stock/stock-schemas.ts";
import { Choice, Id, Money, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

const MAX_TITLE_LENGTH = 200;
const MAX_DESCRIPTION_LENGTH = 10_000;
const MAX_CATEGORY_LENGTH = 100;
const MAX_TAGS = 20;
const MAX_TAG_LENGTH = 50;
const MAX_SKU_LENGTH = 64;

export const Title = Text(1, MAX_TITLE_LENGTH, { examples: ["Kettle"] });
export const Description = Text(0, MAX_DESCRIPTION_LENGTH, { examples: ["Boils a litre in two minutes."] });
export const Category = Text(1, MAX_CATEGORY_LENGTH, { examples: ["kitchen"] });
export const Tag = Text(1, MAX_TAG_LENGTH);
export const Tags = Type.Array(Tag, { maxItems: MAX_TAGS, uniqueItems: true, examples: [["steel"]] });
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
