import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { startEdge } from "#test/edge.ts";
import { exchange, HOST, readAll } from "#test/raw-http.ts";

const CLOSE = "Connection: close\r\n";
const JSON_TYPE = "Content-Type: application/json\r\n";

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
const answersIn = (text: string) => text.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0;
const many = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: y\r\n`).join("");
const POST = `POST /api/v1/things HTTP/1.1\r\n${HOST}${JSON_TYPE}`;

const REFUSED: [string, string | Buffer, number[]][] = [
  ["2,001 headers", `GET /healthz HTTP/1.1\r\n${HOST}${CLOSE}${many(1_999)}\r\n`, [431]],
  ["101 headers", `GET /healthz HTTP/1.1\r\n${HOST}${CLOSE}${many(99)}\r\n`, [431]],
  ["a header of 17 KiB", `GET /healthz HTTP/1.1\r\n${HOST}X: ${"x".repeat(17 * 1_024)}\r\n\r\n`, [431]],
  ["a URL of 20 KiB", `GET /${"x".repeat(20 * 1_024)} HTTP/1.1\r\n${HOST}\r\n`, [414, 431]],
  ["a URL of 9 KiB", `GET /${"x".repeat(9 * 1_024)} HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, [414]],
  ["raw bytes in the URL", Buffer.from(`GET /\xff\xfe HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, "latin1"), [400]],
  ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", [400]],
  ["two Hosts", `GET /healthz HTTP/1.1\r\n${HOST}Host: other.example\r\n${CLOSE}\r\n`, [400]],
  [
    "two tokens",
    `GET /staff HTTP/1.1\r\n${HOST}Authorization: Bearer staff\r\nAuthorization: Bearer x\r\n${CLOSE}\r\n`,
    [400],
  ],
  ["a length and chunks", `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
  ["two lengths", `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`, [400]],
  ["a length with a sign", `${POST}Content-Length: +2\r\n\r\n{}`, [400]],
  ["a blank before the colon", `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, [400]],
  ["a coding that nobody knows", `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400, 501]],
  ["chunked twice", `${POST}Transfer-Encoding: chunked, chunked\r\n${CLOSE}\r\n0\r\n\r\n`, [400]],
  ["gzip, chunked", `${POST}Transfer-Encoding: gzip, chunked\r\n${CLOSE}\r\n0\r\n\r\n`, [400]],
  ["a folded header", `GET /healthz HTTP/1.1\r\n${HOST}X: a\r\n b\r\n${CLOSE}\r\n`, [400]],
  ["bare line feeds", "GET /healthz HTTP/1.1\nHost: x\n\n", [400]],
  ["a NUL in a header", `GET /healthz HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, [400]],
  ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00", [400]],
];

test("what can be read in two ways is refused, in our words, and the connection closed", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  for (const [name, bytes, allowed] of REFUSED) {
    const answer = await exchange(port, bytes);
    const head = answer.toLowerCase();
    expect([name, allowed.includes(statusOf(answer)) ? "refused" : statusOf(answer)]).toEqual([name, "refused"]);
    expect({
      name,
      answers: answersIn(answer),
      closes: head.includes("connection: close"),
      problem: head.includes("content-type: application/problem+json"),
      correlated: /x-correlation-id: [0-9a-f-]{36}/.test(head),
    }).toEqual({ name, answers: 1, closes: true, problem: true, correlated: true });
  }
  const alive = await exchange(port, `GET /healthz HTTP/1.1\r\n${HOST}${CLOSE}\r\n`);
  expect(statusOf(alive)).toBe(200);
});

test("TRACE is answered 405 and echoes nothing", async () => {
  await using edge = await startEdge();
  const answer = await exchange(await edge.port(), `TRACE /healthz HTTP/1.1\r\n${HOST}X-Secret: abc\r\n${CLOSE}\r\n`);
  expect(statusOf(answer)).toBe(405);
  expect(answer).not.toContain("abc");
});

test("slow headers and slow bodies are answered 408 and cut off; others are served meanwhile", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  const started = [
    `GET /healthz HTTP/1.1\r\n${HOST}X-Slow: `,
    `${POST}Content-Length: 100\r\n\r\n{"title": `,
    `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{"tit\r\n`,
  ];
  const trickles: NodeJS.Timeout[] = [];
  const slow = started.map(async (bytes) => {
    const socket = connect(port, "127.0.0.1");
    socket.write(bytes);
    trickles.push(setInterval(() => socket.writable && socket.write("x"), 500));
    return await readAll(socket);
  });
  const quick = await exchange(port, `GET /healthz HTTP/1.1\r\n${HOST}${CLOSE}\r\n`);
  expect(statusOf(quick)).toBe(200);
  const answers = await Promise.all(slow);
  for (const timer of trickles) clearInterval(timer);
  for (const answer of answers) {
    expect(answersIn(answer)).toBe(1);
    // Chunks that trickle in are broken as well; which of the two is noticed first does not matter.
    expect([400, 408]).toContain(statusOf(answer));
    expect(answer).toContain("application/problem+json");
  }
  expect(statusOf(answers[0] ?? "")).toBe(408);
  expect(statusOf(answers[1] ?? "")).toBe(408);
});

test("an upload that breaks off is nobody's failure", async () => {
  await using edge = await startEdge();
  const socket = connect(await edge.port(), "127.0.0.1");
  const arrived = once(edge.app.server, "request");
  socket.write(`${POST}Content-Length: 100\r\nX-Correlation-ID: broken-off\r\n\r\n{"title": `);
  await arrived;
  socket.resetAndDestroy();
  const ours = () => edge.lines.filter((line) => line["correlation_id"] === "broken-off");
  await expect.poll(ours, { timeout: 5_000 }).not.toHaveLength(0);
  expect(ours().every((line) => line["level"] === "info" && Number(line["status"]) < 500)).toBe(true);
});

test("a connection may carry requests one after the other", async () => {
  await using edge = await startEdge();
  const one = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
  const last = `GET /nope HTTP/1.1\r\n${HOST}${CLOSE}\r\n`;
  const answers = await exchange(await edge.port(), one + one + last);
  expect(answers.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404"]);
});
