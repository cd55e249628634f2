import { connect, type Socket } from "node:net";

export const HOST = "Host: shop.example\r\n";

/** Sends bytes (of a string, one for each character) and gives all that comes back until the connection is closed. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  return await readAll(socket);
}

/** What a connection says until it is closed. One that is reset has said what it said before. */
export async function readAll(socket: Socket): Promise<string> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", () => undefined).on("close", () => resolve());
  await closed;
  return text;
}

/** The statuses of all answers in what a server has sent over one connection. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
