import type { PersonalData } from "#src/platform/context.ts";
import { forgetOwner } from "./items/forget-owner.ts";
import { listImportsOf } from "./imports/import-repository.ts";
import { listItemsOf } from "./items/item-repository.ts";
import { listMovementsOf } from "./stock/stock-repository.ts";

/**
 * What a user listed goes with the account: there is nobody left to sell it, and its words may say who it was. Products
 * are the shop's, whoever entered them, and so are the movements of the stock: they stay under an id.
 */
export const catalogueData: PersonalData = {
  lists: { items: listItemsOf, stock_movements: listMovementsOf, product_imports: listImportsOf },
  forget: forgetOwner,
};
