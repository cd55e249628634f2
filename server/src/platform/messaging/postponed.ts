/**
 * Thrown by a handler that can't work because something it needs is away, whatever the message says: the deliveries go
 * back unharmed. No attempt is counted, or an outage of a minute would bury messages that nothing is wrong with.
 */
export class Postponed extends Error {
  readonly delayMs: number;
  /** @param delayMs until the deliveries are due again; the consumer rests as long */
  constructor(message: string, options: { delayMs: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.delayMs = options.delayMs;
  }
}
