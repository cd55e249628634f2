import { HOST } from "./raw-http.ts";

/** A request that ends its connection. */
export const LAST = `GET /healthz HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
export const POST = `POST /api/v1/things HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
/** A request that one reader takes for a part of a body, and another one for the next request. */
const HIDDEN = `GET /hidden HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;
const ENDED = `0\r\n\r\n${HIDDEN}`;

/** What hides a second request from one of two readers that stand behind each other. */
export const SMUGGLED: [string, string][] = [
  ["CL.TE", `${POST}Content-Length: ${ENDED.length}\r\nTransfer-Encoding: chunked\r\n\r\n${ENDED}`],
  ["TE.CL", `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["TE.TE", `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n${ENDED}`],
  ["TE.TE, the other one first", `${POST}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n${ENDED}`],
  ["an unknown coding", `${POST}Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["a folded coding", `${POST}Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["a blank before the colon", `${POST}Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["a bare line feed", `${POST}X: y\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["a bare carriage return", `${POST}X: y\rTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["a vertical tab", `${POST}Transfer-Encoding: \x0bchunked\r\nContent-Length: 4\r\n\r\n${CHUNKED}`],
  ["two lengths", `${POST}Content-Length: ${HIDDEN.length}\r\nContent-Length: 0\r\n\r\n${HIDDEN}`],
  ["a list of lengths", `${POST}Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ["a length in hexadecimal", `${POST}Content-Length: 0x10\r\n\r\n${HIDDEN}`],
  ["a chunk's size in hexadecimal with 0x", `${POST}Transfer-Encoding: chunked\r\n\r\n0x5\r\n${HIDDEN}\r\n${ENDED}`],
  ["a chunk's size beyond all", `${POST}Transfer-Encoding: chunked\r\n\r\n${"F".repeat(17)}\r\n${HIDDEN}\r\n${ENDED}`],
  ["chunks that end in line feeds", `${POST}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${HIDDEN}`],
  ["a line feed in a chunk's extension", `${POST}Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n${ENDED}`],
  ["HTTP/1.0 with chunks", `POST /api/v1/things HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${ENDED}`],
];
/** Here there is but one reading: the hidden request is a body, which nobody may take for a request. */
export const BODIES: [string, string][] = [
  ["a GET with a body", `GET /healthz HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ["a body where nothing is", `POST /nowhere HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  [
    "a body of a type that is not taken",
    `${POST.replace("json", "xml")}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ],
  ["a body that is not JSON", `${POST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ["a chunked body that is not JSON", `${POST}Transfer-Encoding: chunked\r\n\r\n${CHUNKED}`],
];
