import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Context } from "#src/platform/context.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import type { Trx } from "#src/platform/database/database.ts";

/** Something that happened, named in the past tense: `order.placed`. The schema is the promise to every consumer. */
export type EventType<Schema extends TSchema> = {
  topic: string;
  schema: Schema;
  /** Whether a payload keeps the promise; and if not, what is wrong with it, in one line. */
  check(payload: unknown): string | undefined;
};

export type Message<Payload> = {
  id: number;
  topic: string;
  payload: Payload;
  /** starts at 1; above 1 some earlier attempt failed, or its worker died */
  attempt: number;
  occurred_at: string;
  /** who and what caused it; hand it on to whatever is published because of it */
  origin: Origin;
};

export type Subscription = {
  /** names the consumer and its row in `deliveries`, for instance `orders.reserve`; never reuse a name */
  consumer: string;
  topic: string;
  /** most deliveries that `handle` is given at once */
  maxBatch: number;
  /** Effects and "handled" commit together. No order is promised; a message may come again until it is handled. */
  handle(trx: Trx, messages: Message<unknown>[], context: Context): Promise<void>;
  /** Runs in the transaction that gives a delivery up, so that nothing waits for ever for what will not happen. */
  onDead(trx: Trx, message: Message<unknown>, context: Context): Promise<void>;
};

/** Declares an event of a module, as in `defineEvent("order.placed", Strict({ order_id: Id }))`. */
export function defineEvent<Schema extends TSchema>(topic: string, schema: Schema): EventType<Schema> {
  const compiled = Compile(schema);
  return {
    topic,
    schema,
    check(payload) {
      if (compiled.Check(payload)) return undefined;
      const [first] = compiled.Errors(payload);
      return first === undefined ? "does not match" : `${first.instancePath || "payload"} ${first.message}`;
    },
  };
}

/**
 * Binds a handler to an event. Every payload is checked first: one that breaks the schema is poison, and alone.
 * @param options.onDead what to do when the delivery is given up after its last attempt
 */
export function subscribe<Schema extends TSchema>(
  event: EventType<Schema>,
  options: {
    consumer: string;
    maxBatch: number;
    handle(trx: Trx, messages: Message<Static<Schema>>[], context: Context): Promise<void>;
    onDead(trx: Trx, message: Message<unknown>, context: Context): Promise<void>;
  },
): Subscription {
  return {
    consumer: options.consumer,
    topic: event.topic,
    maxBatch: options.maxBatch,
    onDead: options.onDead,
    async handle(trx, messages, context) {
      for (const message of messages) {
        const mistake = event.check(message.payload);
        if (mistake !== undefined) throw new Error(`${event.topic} ${message.id}: ${mistake}`);
      }
      await options.handle(trx, messages as Message<Static<Schema>>[], context);
    },
  };
}
