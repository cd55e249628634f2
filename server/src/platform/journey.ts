import type { Db } from "./database/database.ts";

/**
 * What a journey is told with. In the order in which a transaction comes to do such things: all that it writes bears the
 * same moment.
 */
export const JOURNEY_KINDS = ["request", "audit", "order", "stock", "mail", "message", "delivery"] as const;

/** One thing that happened because of a request, or of what it led to. */
export type JourneyEntry = {
  /** RFC 3339 in UTC; for a delivery that is still open, when it is due */
  occurred_at: string;
  kind: (typeof JOURNEY_KINDS)[number];
  /** for people, in a few words: `order.placed`, `orders.reserve: attempt 1 failed` */
  what: string;
  /** ids, numbers and words of ours; nothing that says who somebody is */
  details: Record<string, unknown>;
};

/** What a part of the server knows of a correlation id: at most `limit` entries of a kind, by as many statements always. */
export type ReadJourney = (db: Db, correlation_id: string, limit: number) => Promise<JourneyEntry[]>;

/** Puts entries into the order in which they happened. */
export function orderEntries(entries: JourneyEntry[]): JourneyEntry[] {
  return entries.toSorted(
    (a, b) => compare(moment(a), moment(b)) || JOURNEY_KINDS.indexOf(a.kind) - JOURNEY_KINDS.indexOf(b.kind),
  );
}

// PostgreSQL leaves zeros at the end out: only without the Z is the shorter one of two fractions the smaller one.
function moment({ occurred_at }: JourneyEntry): string {
  return occurred_at.replace(/Z$/, "");
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
