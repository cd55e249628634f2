import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { badRequest, headersTooLarge, timedOut, tooLarge } from "./errors.ts";
import { securityHeaders } from "./exchange.ts";
import { problemBody } from "./failures.ts";
import type { ProblemFactory } from "./problem.ts";
import type { ServerOptions } from "./app.ts";

const KINDS: Record<string, ProblemFactory> = {
  ERR_HTTP_REQUEST_TIMEOUT: timedOut,
  HPE_HEADER_OVERFLOW: headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: tooLarge,
};

/** Answers what never became a request: broken syntax, too many bytes of headers, one that did not arrive in time. */
export function answerClientError(options: ServerOptions): (error: Error & { code?: string }, socket: Socket) => void {
  const headers = securityHeaders(options.config.publicUrl);
  const record = options.metrics.recorderOf("unreadable", "unmatched");
  return (error, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable || answering(socket)) {
      socket.destroy();
      return;
    }
    const problem = (KINDS[error.code ?? ""] ?? badRequest)();
    const correlationId = randomUUID();
    const body = JSON.stringify(problemBody(problem, correlationId, options.config.publicUrl));
    const fields = {
      ...headers,
      "x-correlation-id": correlationId,
      "content-type": "application/problem+json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
      connection: "close",
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
    // Ending says that we write no more; without this a client that goes on sending keeps the connection.
    socket.once("finish", () => socket.destroySoon());
    record(problem.status, 0);
    options.log.info(
      { status: problem.status, reason: error.code, correlation_id: correlationId },
      "unreadable request",
    );
  };
}

// An answer that has begun can't be replaced by another one on the same connection.
function answering(socket: Socket): boolean {
  const { _httpMessage: response } = socket as Socket & { _httpMessage?: { headersSent?: boolean } | null };
  return response?.headersSent === true;
}
