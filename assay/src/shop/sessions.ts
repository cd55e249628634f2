import { type Content, type Exchange, type Line, type Method, type Sender, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { nameOf } from "../http/reading.ts";

/** The cookie that keeps somebody signed in when the pass has run out; the contract gives it its name. */
export const COOKIE = "__Host-rt";

/** The `Set-Cookie` line of an answer that sets or clears this cookie; undefined when it leaves it alone. */
export function cookieLineOf({ answer }: Exchange): string | undefined {
  return answer.headers.getSetCookie().find((line) => line.startsWith(`${COOKIE}=`));
}

/** The value that an answer gives to the cookie. Throws a Fault when it gives none. */
export function cookieOf(exchange: Exchange): string {
  const value = /^[^=]+=([^;]*)/.exec(cookieLineOf(exchange) ?? "")?.[1];
  if (value === undefined || value === "") throw fault(exchange, `${nameOf(exchange)} sets no cookie "${COOKIE}"`);
  return value;
}

/** The attributes of a `Set-Cookie` line, names in small letters, as in RFC 6265, 5.2. */
export function attributesOf(line: string): Map<string, string> {
  const parts = line.split(";").slice(1);
  const pairs = parts.map((part) => part.trim().split("="));
  return new Map(pairs.map(([name = "", value = ""]) => [name.toLowerCase(), value]));
}

/** Sends what acts by the cookie alone, as a browser does when the pass has run out. */
export function byCookie(
  line: Line,
  request: `${Method} /${string}`,
  cookie: string,
  content: Content = {},
): Promise<Exchange> {
  return send(line, undefined, request, {
    ...content,
    headers: { cookie: `${COOKIE}=${cookie}`, ...content.headers },
  });
}

export function renew(line: Line, cookie: string, headers: Record<string, string> = {}): Promise<Exchange> {
  return byCookie(line, "POST /api/v1/auth/refresh", cookie, { headers });
}

export function logOut(line: Line, sender: Sender): Promise<Exchange> {
  return send(line, sender, "POST /api/v1/auth/logout");
}
