/** A mail on its way out. */
export type OutgoingMail = {
  /** the row's */
  id: number;
  recipient: string;
  subject: string;
  /** plain text; lines may be of any length */
  text: string;
  correlation_id: string;
  /** when it was asked for, RFC 3339 */
  created_at: string;
};

/** The port behind which mails leave. */
export type Mailer = {
  /**
   * Hands a mail over; when this resolves somebody else is responsible for it. It may be called again for a mail whose
   * first sending was not noted: the same mail has the same Message-ID each time.
   * @throws Error in bounded time; a final one (see `asFinal`) when this mail will never be taken. The error's text goes
   * into rows and logs: it names no person
   */
  send(mail: OutgoingMail): Promise<void>;
  /** Rejects, in bounded time, while no mail could be handed over: nobody answers, or not to us. Sends nothing. */
  check(): Promise<void>;
  close(): Promise<void>;
};
