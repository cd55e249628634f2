import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

type Entry = { Id: string; ReceiptHandle?: string };
type Failure = { Id: string; Code: string; Message: string; SenderFault: boolean };
type Body = { Entries?: Entry[]; Messages?: object[]; Failed?: Failure[] };

/** Every so many of them ... */
const REFUSED_OF = 7;
const EXPIRED_OF = 5;
const REPEATED_PER_ANSWER = 2;

export type Mischief = AsyncDisposable & {
  url: string;
  /** what it has done so far */
  counts: { refused: number; repeated: number; expired: number };
};

/**
 * Stands before an SQS and does what SQS may do on a bad day: takes batches in part, hands messages over in another
 * order and again long after they were deleted, and says of receipts that their time is over.
 */
export async function startMischief(target: string): Promise<Mischief> {
  const counts = { refused: 0, repeated: 0, expired: 0 };
  const seen: object[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(body),
      () => response.destroy(),
    );
  });

  async function answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const action = String(request.headers["x-amz-target"]).split(".").at(-1) ?? "";
    const input = JSON.parse((await buffer(request)).toString()) as Body;
    const failed = refuse(action, input);
    if (failed.length > 0 && input.Entries?.length === 0)
      return { status: 200, body: JSON.stringify({ Failed: failed }) };
    const headers = Object.entries(request.headers).filter(([name]) =>
      /^(?:x-amz|content-type|authorization)/.test(name),
    );
    const sent = { method: "POST", headers: Object.fromEntries(headers) as Record<string, string> };
    const real = await fetch(target, { ...sent, body: JSON.stringify(input) });
    const output = JSON.parse(await real.text()) as Body;
    if (failed.length > 0) output.Failed = [...(output.Failed ?? []), ...failed];
    if (output.Messages !== undefined) repeat(output, output.Messages);
    return { status: real.status, body: JSON.stringify(output) };
  }

  /** Takes entries out of a batch, and says why they failed. */
  function refuse(action: string, input: Body): Failure[] {
    const isSend = action === "SendMessageBatch";
    if (input.Entries === undefined || !(isSend || action === "DeleteMessageBatch")) return [];
    const refused = new Set(input.Entries.filter(() => (asked += 1) % (isSend ? REFUSED_OF : EXPIRED_OF) === 0));
    counts[isSend ? "refused" : "expired"] += refused.size;
    input.Entries = input.Entries.filter((entry) => !refused.has(entry));
    const Code = isSend ? "InternalError" : "ReceiptHandleIsInvalid";
    return [...refused].map(({ Id }) => ({ Id, Code, Message: "mischief", SenderFault: !isSend }));
  }

  function repeat(output: Body, messages: object[]): void {
    const again = seen.toSorted(() => Math.random() - 0.5).slice(0, REPEATED_PER_ANSWER);
    counts.repeated += again.length;
    seen.push(...messages);
    output.Messages = [...messages, ...again].toSorted(() => Math.random() - 0.5);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
