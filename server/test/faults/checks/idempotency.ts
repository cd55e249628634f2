import type { CallOf } from "../history.ts";
import { callsOf, type Check, describeOutput } from "./evidence.ts";

const UNPROCESSABLE = 422;
/** Answers that say "not now": they are about the moment and not about the request. */
const NOT_NOW = new Set([408, 409, 429]);

type OrderCall = CallOf<"order">;

/** The same key gets the same answer, whatever died in between; with another body it is refused. */
export const checkIdempotency: Check = ({ history }) => {
  const keyed = callsOf(history, "order").filter((call) => call.input.key !== undefined);
  const uses = Map.groupBy(keyed, (call) => `${call.input.user_id} ${call.input.key}`);
  return [...uses.values()].flatMap((calls) => [...differing(calls), ...wrongly(calls)]);
};

function differing(calls: OrderCall[]): string[] {
  const [first, ...others] = calls.filter((call) => call.outcome === "ok");
  if (first === undefined) return [];
  const expected = answerOf(first);
  const original = [first, ...others].filter((call) => call.outcome === "ok" && call.output.replayed !== true);
  return [
    ...others
      .filter((call) => answerOf(call) !== expected)
      .map((call) => `key ${call.input.key}: ${call.id} was answered otherwise than ${first.id}`),
    ...(original.length > 1
      ? [
          `key ${first.input.key}: ${original.map((call) => call.id).join(" and ")} were each told that they are the first`,
        ]
      : []),
  ];
}

/** Refusals that should have been replays, and answers that should have been refusals. */
function wrongly(calls: OrderCall[]): string[] {
  const answered = calls.filter((call) => call.outcome === "ok").toSorted((one, other) => one.end_ms - other.end_ms);
  const [first] = answered;
  if (first === undefined) return [];
  const body = JSON.stringify(first.input.lines);
  return calls.flatMap((call) => {
    const isSame = JSON.stringify(call.input.lines) === body;
    if (!isSame && call.outcome === "ok") {
      return [`key ${call.input.key}: ${call.id} came with another body than ${first.id} and was accepted`];
    }
    if (call.outcome !== "no" || NOT_NOW.has(call.status) || call.start_ms < first.end_ms) return [];
    if (!isSame) {
      return call.status === UNPROCESSABLE ? [] : [`key ${call.input.key}: ${describeOutput(call)}: it wants a 422`];
    }
    return [`key ${call.input.key}: ${describeOutput(call)}, though ${first.id} had been accepted before`];
  });
}

function answerOf(call: OrderCall): string {
  if (call.outcome !== "ok") return "";
  const { replayed: _, ...body } = call.output;
  return JSON.stringify([call.status, Object.entries(body).toSorted(([one], [other]) => (one < other ? -1 : 1))]);
}
