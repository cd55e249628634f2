import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Work } from "#src/platform/context.ts";
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

/** Attempts after which a delivery is given up, and the longest pause between two of them. */
export type Patience = { maxAttempts: number; capMs: number };

export type Subscription = {
  /** names the consumer and its row in `deliveries`, for instance `orders.reserve`; never reuse a name */
  consumer: string;
  topic: string;
  /** most deliveries that `handle` is given at once */
  maxBatch: number;
  /** how long a failing delivery is tried; the queue's own patience when absent */
  patience?: Patience;
  /**
   * Runs before `handle` and outside of any transaction, for what a transaction can't take back and must not wait for,
   * as sending a mail. The messages of a batch act side by side, and each fails alone. One may act again.
   */
  act?(message: Message<unknown>, context: Work): Promise<void>;
  /** Effects and "handled" commit together. No order is promised; a message may come again until it is handled. */
  handle(trx: Trx, messages: Message<unknown>[], context: Work): Promise<void>;
  /** Runs in the transaction that gives a delivery up, so that nothing waits for ever for what will not happen. */
  onDead(trx: Trx, message: Message<unknown>, context: Work): Promise<void>;
};

const finals = new WeakSet<Error>();

/** Marks an error after which no further attempt can help: the delivery is given up at once. @returns the same error */
export function asFinal(error: Error): Error {
  finals.add(error);
  return error;
}

export function isFinal(error: unknown): boolean {
  return error instanceof Error && finals.has(error);
}

export type DeclaredEvent = { topic: string; schema: TSchema };

const declared = new Map<string, DeclaredEvent>();

/** Every event that the loaded modules can publish. */
export function listEvents(): DeclaredEvent[] {
  return [...declared.values()];
}

/**
 * Declares an event of a module, once, as in `defineEvent("order.placed", Strict({ order_id: Id }))`.
 * @throws Error when the topic is taken: two schemas would be two promises under one name
 */
export function defineEvent<Schema extends TSchema>(topic: string, schema: Schema): EventType<Schema> {
  if (declared.has(topic)) throw new Error(`the event "${topic}" is declared twice`);
  declared.set(topic, { topic, schema });
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
    patience?: Patience;
    act?(message: Message<Static<Schema>>, context: Work): Promise<void>;
    handle(trx: Trx, messages: Message<Static<Schema>>[], context: Work): Promise<void>;
    onDead(trx: Trx, message: Message<unknown>, context: Work): Promise<void>;
  },
): Subscription {
  const { consumer, maxBatch, patience, act, onDead } = options;
  const check = ({ id, payload }: Message<unknown>): void => {
    const mistake = event.check(payload);
    if (mistake !== undefined) throw new Error(`${event.topic} ${id}: ${mistake}`);
  };
  return {
    consumer,
    topic: event.topic,
    maxBatch,
    onDead,
    ...(patience !== undefined && { patience }),
    ...(act !== undefined && {
      async act(message, context) {
        check(message);
        await act(message as Message<Static<Schema>>, context);
      },
    }),
    async handle(trx, messages, context) {
      messages.forEach(check);
      await options.handle(trx, messages as Message<Static<Schema>>[], context);
    },
  };
}
