import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";

/** What the server says to a recipient: takes the mail, refuses it for now or for good, or says nothing. */
export type Reception = "take" | "later" | "never" | "silence";

const REFUSALS = { later: [451, "4.7.1"], never: [550, "5.1.1"] } as const;

/** A mail server of a test's own on loopback. It keeps what it took. */
export type Smtp = AsyncDisposable & {
  url: string;
  taken: Email[];
  /** recipients that were named, taken or not */
  named: string[];
  /** name and password of those who logged in */
  logins: string[];
  connections(): number;
  /** from now on; who waits because of "silence" is served */
  receive(how: Reception): void;
};

export async function startSmtp(options: { needsLogin?: boolean } = {}): Promise<Smtp> {
  let reception: Reception = "take";
  const waiting: (() => void)[] = [];
  const taken: Email[] = [];
  const named: string[] = [];
  const logins: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS", ...(options.needsLogin === true ? [] : ["AUTH"])],
    allowInsecureAuth: true,
    logger: false,
    onAuth({ username = "", password = "" }, _session, done) {
      logins.push(`${username}:${password}`);
      done(null, { user: username });
    },
    onRcptTo({ address }, _session, done) {
      named.push(address);
      const answer = (): void => {
        if (reception === "silence") waiting.push(answer);
        else if (reception === "take") done();
        else {
          const [responseCode, status] = REFUSALS[reception];
          // As real servers do, in words with the address in them.
          done(Object.assign(new Error(`${status} <${address}>: try elsewhere`), { responseCode }));
        }
      };
      answer();
    },
    onData(stream, _session, done) {
      text(stream)
        .then(async (raw) => void taken.push(await PostalMime.parse(raw)))
        .then(() => done(), done);
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    taken,
    named,
    logins,
    connections: () => server.connections.size,
    receive(how) {
      reception = how;
      for (const answer of waiting.splice(0)) answer();
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
