/**
 * The port behind which the engines stand. A transport only says that work may be due; what is due, whose turn it is,
 * attempts, backoff and dead letters are rows of `deliveries` whatever the engine, so that all engines behave alike.
 */
export type Transport = {
  /** After a commit: messages of these topics are on disk. Best effort and never throws; polling stands behind it. */
  wake(topics: ReadonlySet<string>): void;
  /** Calls `onDue` whenever messages of the topic may be due, at least every `POLL_MS`. */
  listen(topic: string, onDue: () => void): void;
  /** Stops calling; resolves when nothing of it is left open. */
  close(): Promise<void>;
};

/** The longest that a due delivery waits when every wake-up was lost. */
export const POLL_MS = 500;
