import type { Call } from "../history.ts";
import { callsOf, type Check, describeOutput, type Evidence } from "./evidence.ts";

/** What tells a stranger that an order exists; "not found" does not. */
const TELLING = new Set([403, 409, 412]);

/** Nobody but the staff sees or changes the order of somebody else, or learns that it exists. */
export const checkIsolation: Check = (evidence) => [...shown(evidence), ...told(evidence)];

function shown({ sights, stored, facts }: Evidence): string[] {
  return [...sights.values()].flat().flatMap(({ call, order }) => {
    const caller = callerOf(call);
    if (caller === undefined || facts.staff.includes(caller)) return [];
    const owner = stored.get(order.id)?.user_id ?? order.user_id;
    if (owner === caller && order.user_id === caller) return [];
    return [`user ${caller} was shown order ${order.id} of user ${owner} by ${describeOutput(call)}`];
  });
}

function told({ history, stored, facts }: Evidence): string[] {
  return [...callsOf(history, "read_order"), ...callsOf(history, "cancel")].flatMap((call) => {
    const { user_id, order_id } = call.input;
    const owner = stored.get(order_id)?.user_id;
    const isForeign = owner !== undefined && owner !== user_id && !facts.staff.includes(user_id);
    if (!isForeign || call.outcome !== "no" || !TELLING.has(call.status)) return [];
    return [`user ${user_id} learned of order ${order_id} of user ${owner} by ${describeOutput(call)}`];
  });
}

function callerOf(call: Call): number | undefined {
  return "user_id" in call.input ? call.input.user_id : undefined;
}
