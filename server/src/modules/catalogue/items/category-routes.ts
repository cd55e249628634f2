import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { Strict } from "#src/platform/http/schemas.ts";
import { listCategories, MAX_CATEGORIES } from "./category-repository.ts";

const CategoryList = Strict({
  data: Type.Array(
    Strict({
      category: Type.String(),
      items: Type.Integer({ description: "on show" }),
      products: Type.Integer({ description: "of them sold from stock" }),
    }),
    { maxItems: MAX_CATEGORIES },
  ),
});

export async function categoryRoutes(app: App, context: Context): Promise<void> {
  app.get(
    "/api/v1/categories",
    {
      config: { permission: "item.read" },
      schema: {
        summary: "List the categories and how much is in each, in alphabetical order",
        response: { 200: CategoryList },
      },
    },
    async () => ({ data: await listCategories(context.db) }),
  );
}
