/**
 * What travels through a broker: a pointer at a row of `deliveries`, and what an operator wants to see on the way. All
 * of worth stays in the row, so that a parcel that is lost, doubled, late or out of order costs time and nothing else.
 */
export type Parcel = {
  message_id: number;
  consumer: string;
  topic: string;
  correlation_id: string;
  traceparent: string;
};

/** The port behind which RabbitMQ, Redis Streams and SQS stand; on PostgreSQL nobody needs one. */
export type Broker = {
  /**
   * Hands parcels to the queues of their consumers, which it declares when they are missing.
   * @throws Error unless the broker has confirmed every one; the caller then publishes all of them again
   */
  publish(parcels: Parcel[]): Promise<void>;
  /**
   * Receives the parcels of one consumer until it is stopped, at most `options.batch` in one call and one call at a
   * time. They are acknowledged when `onParcels` resolves; when it rejects, the broker may deliver them again. It
   * outlives a broker that goes away: it comes back by itself.
   */
  consume(
    consumer: string,
    options: { batch: number },
    onParcels: (parcels: Parcel[]) => Promise<void>,
  ): { stop(): Promise<void> };
  /** @throws Error when the broker is away. Readiness is degraded by it and not lost: orders are accepted without it */
  check(): Promise<void>;
  /** Resolves when nothing of it is left open. */
  close(): Promise<void>;
};
