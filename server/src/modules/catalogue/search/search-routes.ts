import type { Context } from "#src/platform/context.ts";
import { shareUnsent } from "#src/platform/database/share-unsent.ts";
import type { App } from "#src/platform/http/app.ts";
import { sendPage } from "#src/platform/http/paging.ts";
import { openIndex } from "./open-index.ts";
import { MAX_SUGGESTIONS } from "./search-index.ts";
import { searchItems } from "./search-items.ts";
import { SearchAnswer, SearchRequest, SuggestRequest, Suggestions } from "./search-schemas.ts";
import { readText } from "./search-text.ts";

export async function searchRoutes(app: App, context: Context): Promise<void> {
  const index = openIndex(context);
  const answers = shareUnsent<SearchAnswer>();

  app.get(
    "/api/v1/search/items",
    {
      config: { permission: "item.read" },
      schema: {
        summary: "Search for items",
        description: "Forgives typing errors: when nothing matches, `did_you_mean` says what was searched for instead.",
        querystring: SearchRequest,
        response: { 200: SearchAnswer },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const answer = await answers(JSON.stringify(query), () => searchItems(index, query));
      return sendPage(request, reply, answer);
    },
  );

  app.get(
    "/api/v1/search/suggest",
    {
      config: { permission: "item.read" },
      schema: {
        summary: "Complete what is being typed",
        querystring: SuggestRequest,
        response: { 200: Suggestions },
      },
    },
    async (request) => ({ data: await index.suggest(readText(request.query.q), MAX_SUGGESTIONS) }),
  );
}
