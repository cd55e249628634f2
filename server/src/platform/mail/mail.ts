import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Trx } from "#src/platform/database/database.ts";
import { Id, Strict } from "#src/platform/http/schemas.ts";
import { defineEvent } from "#src/platform/messaging/event.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { insertMails } from "./stored-mails.ts";

export type MailText = { subject: string; text: string };

/** What the text of a mail may be made with. */
export type MailTools = {
  /** where people reach this service, without a slash at the end */
  publicUrl: string;
  /** the one-time token of a seed, or a word in its place where it is nobody's business */
  tokenOf(purpose: string, seed: string): string;
};

/** A kind of mail, by the name that its rows carry. */
export type MailType<Schema extends TSchema> = {
  kind: string;
  /** Whether these are parameters of this kind; and if not, what is wrong, in one line. */
  check(params: unknown): string | undefined;
  render(tools: MailTools, params: Static<Schema>): MailText;
};

/** A row of `mails` waits to be sent. */
export const mailQueued = defineEvent("mail.queued", Strict({ mail_id: Id }));

const declared = new Map<string, MailType<TSchema>>();

/**
 * Declares a kind of mail, once, as a value of its module.
 * @param kind for ever: rows carry it
 * @param schema what the text is made from. It goes into a row: a seed may stand in it, a token or a link with one never
 * @param render makes subject and plain text, each time the mail is sent or looked at
 * @throws Error when the kind is already declared
 */
export function defineMail<Schema extends TSchema>(
  kind: string,
  schema: Schema,
  render: (tools: MailTools, params: Static<Schema>) => MailText,
): MailType<Schema> {
  if (declared.has(kind)) throw new Error(`the mail "${kind}" is declared twice`);
  const compiled = Compile(schema);
  const type: MailType<Schema> = {
    kind,
    render,
    check(params) {
      if (compiled.Check(params)) return undefined;
      const [first] = compiled.Errors(params);
      return first === undefined ? "does not match" : `${first.instancePath || "params"} ${first.message}`;
    },
  };
  declared.set(kind, type);
  return type;
}

type ToQueue<Schema extends TSchema> = { user_id: number; recipient: string; params: Static<Schema> };

/**
 * Writes a mail and the message that gets it sent, in the transaction of the change that it tells of.
 * @param mail.user_id whose mail it is: it goes when the account goes
 * @throws Error when the parameters break the kind's own schema: a bug here, and not a client's mistake
 */
export async function queueMail<Schema extends TSchema>(
  trx: Trx,
  origin: Origin,
  { kind, ...mail }: ToQueue<Schema> & { kind: MailType<Schema> },
): Promise<void> {
  await queueMails(trx, kind, [{ origin, ...mail }]);
}

/** As `queueMail`, for many mails of one kind: in two statements, however many they are. */
export async function queueMails<Schema extends TSchema>(
  trx: Trx,
  kind: MailType<Schema>,
  mails: (ToQueue<Schema> & { origin: Origin })[],
): Promise<void> {
  if (mails.length === 0) return;
  const rows = mails.map(({ origin: { correlation_id }, user_id, recipient, params }) => {
    const mistake = kind.check(params);
    if (mistake !== undefined) throw new Error(`mail ${kind.kind}: ${mistake}`);
    return { kind: kind.kind, user_id, recipient, params: JSON.stringify(params), correlation_id };
  });
  const ids = await insertMails(trx, rows);
  const messages = mails.flatMap(({ origin }, index) => {
    const mail_id = ids[index];
    return mail_id === undefined ? [] : [{ origin, payload: { mail_id } }];
  });
  await publish(trx, mailQueued, messages);
}

/** What a stored mail says; undefined when this version knows no such mail: the row is of another one. */
export function renderMail(tools: MailTools, mail: { kind: string; params: unknown }): MailText | undefined {
  const type = declared.get(mail.kind);
  return type?.check(mail.params) === undefined ? type?.render(tools, mail.params) : undefined;
}
