import type { TestApp } from "./app.ts";

export type SeenMail = {
  kind: string;
  recipient: string;
  subject: string;
  text: string;
  correlation_id: string;
  sent_at: string | null;
};

/** The mails to an address, newest first, as the staff sees them once the worker has nothing left to do. */
export async function mailsTo(shop: TestApp, recipient: string, kind?: string): Promise<SeenMail[]> {
  await shop.drained();
  const staff = await shop.signUp("staff");
  const query = new URLSearchParams({ recipient, ...(kind !== undefined && { kind }) });
  return (await staff.get(`/api/v1/operations/mails?${query.toString()}`)).body["data"] as SeenMail[];
}

/** The token that a mail's link carries. */
export function tokenIn(mail: { text: string } | undefined): string {
  const token = /#token=([\w-]{43})$/m.exec(mail?.text ?? "")?.[1];
  if (token === undefined) throw new Error(`there is no link with a token in: ${mail?.text}`);
  return token;
}

/** Makes the consumers known, as `migrate` does: what is queued from now on waits for the worker that is to come. */
export async function registerConsumers(shop: TestApp): Promise<void> {
  await using _worker = await shop.startWorker();
}
