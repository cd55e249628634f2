import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { type JourneyEntry, orderEntries } from "#src/platform/journey.ts";
import { journeyNotFound } from "./errors.ts";
import { Journey, JourneyParams } from "./schemas.ts";

/** Entries of one kind that a journey is told with. */
const MAX_ENTRIES_EACH = 500;

export async function journeyRoutes(app: App, context: Context): Promise<void> {
  const { db, journeys } = context;

  app.get(
    "/api/v1/operations/journeys/:correlation_id",
    {
      config: { permission: "journey.read", problems: [journeyNotFound] },
      schema: {
        summary: "Read what a request led to: messages, attempts, orders, stock, mails, in one order",
        params: JourneyParams,
        response: { 200: Journey },
      },
    },
    async (request) => {
      const { correlation_id } = request.params;
      const parts = await Promise.all(journeys.map((read) => read(db, correlation_id, MAX_ENTRIES_EACH)));
      const entries = orderEntries(parts.flat());
      if (entries.length === 0) throw journeyNotFound();
      const truncated = [...Map.groupBy(entries, (entry) => entry.kind).values()].some(isCutOff);
      return { correlation_id, entries, truncated };
    },
  );
}

// A kind that comes from two reads, as deliveries and their failures, may be called cut off when it just is not.
function isCutOff(ofOneKind: JourneyEntry[]): boolean {
  return ofOneKind.length >= MAX_ENTRIES_EACH;
}
