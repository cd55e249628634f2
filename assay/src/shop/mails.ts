import { type Line, type Sender, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { bodyOf, rowsOf } from "../http/reading.ts";

const MAILS_READ = 100;
// A link carries its token as `token=...`, in the query or, better, behind the #.
const TOKEN_IN_LINK = /[?#&]token=([A-Za-z0-9._~-]{16,})/;

export type Mailbox = {
  /** what the mails to this address say, newest first, each as one text with subject and all */
  mailsTo(email: string): Promise<string[]>;
};

/**
 * The box in which a shop keeps its mails while it sends none. The contract leaves it to the server what a mail looks
 * like in there, so every text of it is looked through.
 * @param staff somebody who may look
 * @returns undefined when this server shows no mails
 */
export async function openMailbox(line: Line, staff: Sender): Promise<Mailbox | undefined> {
  // Not heard of in the report: what stands in there are links that open accounts.
  const quiet: Line = { target: line.target, heard: () => undefined };
  const read = () => send(quiet, staff, `GET /api/v1/operations/mails?limit=${MAILS_READ}`);
  if ((await read()).answer.status !== 200) return undefined;
  return {
    async mailsTo(email) {
      const mails = rowsOf(bodyOf(await read()), "data").map(({ value }) => textsOf(value).join("\n"));
      return mails.filter((text) => text.includes(email));
    },
  };
}

/** The token in the link of a mail; undefined when it has no such link, or the server does not show it. */
export function linkTokenOf(mail: string): string | undefined {
  return TOKEN_IN_LINK.exec(mail)?.[1];
}

/** The newest of these mails that carries a link. Throws a Fault when there is none. */
export function newestToken(mails: string[], who: string): string {
  const token = mails.map(linkTokenOf).find((found) => found !== undefined);
  if (token === undefined) throw fault(undefined, `No mail with a link has come for ${who}`);
  return token;
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
