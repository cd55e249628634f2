import type { Parcel } from "../broker.ts";

/** Reads a parcel as it came out of a broker. @returns undefined for what no relay of ours has sent */
export function readParcel(fields: Partial<Record<keyof Parcel, unknown>>): Parcel | undefined {
  const message_id = Number(fields.message_id);
  const { consumer, topic, correlation_id, traceparent } = fields;
  if (!Number.isSafeInteger(message_id) || message_id < 1) return undefined;
  if (typeof consumer !== "string" || typeof topic !== "string") return undefined;
  if (typeof correlation_id !== "string" || typeof traceparent !== "string") return undefined;
  return { message_id, consumer, topic, correlation_id, traceparent };
}

/** Reads a parcel that was sent as JSON. @returns undefined for what no relay of ours has sent */
export function parseParcel(text: string): Parcel | undefined {
  try {
    return readParcel({ ...(JSON.parse(text) as object) });
  } catch {
    return undefined;
  }
}
