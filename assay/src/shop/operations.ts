import { type Exchange, type Line, type Sender, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { bodyOf, fieldOf, misread, type Reading, rowsOf, textOf } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";

/** The queue of every consumer. */
export async function listQueues(line: Line, staff: Sender): Promise<Reading[]> {
  return rowsOf(bodyOf(succeeded(await send(line, staff, "GET /api/v1/operations/queues"))), "data");
}

/** The queue of the consumer whose name holds this word. Throws a Fault when there is none. */
export async function queueOf(line: Line, staff: Sender, word: string): Promise<Reading> {
  const queues = await listQueues(line, staff);
  const found = queues.find((queue) => textOf(queue, "consumer").includes(word));
  if (found !== undefined) return found;
  throw fault(queues[0]?.exchange, `No consumer has "${word}" in its name`);
}

/** Asks for a consumer to be paused or to go on. */
export function manageConsumer(line: Line, admin: Sender, name: string, act: "pause" | "resume"): Promise<Exchange> {
  return send(line, admin, `POST /api/v1/operations/consumers/${encodeURIComponent(name)}/${act}`);
}

/** A number of at least zero. Throws a Fault when the field is absent or anything else. */
export function amountOf(reading: Reading, name: string): number {
  const field = fieldOf(reading, name);
  if (typeof field.value !== "number" || field.value < 0) throw misread(field, "to be a number of at least 0");
  return field.value;
}

/** What became of a request, by its correlation id. */
export function readJourney(line: Line, staff: Sender, id: string): Promise<Exchange> {
  return send(line, staff, `GET /api/v1/operations/journeys/${id}`);
}

/** What is done at certain times. */
export async function listSchedules(line: Line, staff: Sender): Promise<Reading[]> {
  return rowsOf(bodyOf(succeeded(await send(line, staff, "GET /api/v1/operations/schedules"))), "data");
}
