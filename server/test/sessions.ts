import { parseSetCookie, type SetCookie } from "cookie";
import type { Answer, TestApp } from "./app.ts";
import { PASSWORD } from "./operations.ts";

/** What a client has in hand after a login or a refresh. */
export type Pair = { access: string; refresh: string };

let people = 0;

/** Opens an account and logs in, as a person does. */
export async function logInAnew(shop: TestApp, email = `session-${(people += 1)}@example.org`): Promise<Pair> {
  await shop.anonymous.post("/api/v1/users/register", { email, password: PASSWORD, full_name: "Ann Example" });
  return pairOf(await logIn(shop, email));
}

export function logIn(shop: TestApp, email: string, headers: Record<string, string> = {}): Promise<Answer> {
  return shop.anonymous.post("/api/v1/users/login", { email, password: PASSWORD }, headers);
}

export function refresh(shop: TestApp, token: string, headers: Record<string, string> = {}): Promise<Answer> {
  return shop.anonymous.post("/api/v1/auth/refresh", undefined, { ...withCookie(token), ...headers });
}

export function withCookie(token: string): { cookie: string } {
  return { cookie: `theme=dark; __Host-rt=${token}` };
}

export function withToken(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** The status that an access token gets at the account's own page: 200 or 401. */
export async function statusOf(shop: TestApp, access: string): Promise<number> {
  return (await shop.anonymous.get("/api/v1/users/me", undefined, withToken(access))).statusCode;
}

/** The tokens of a good answer. */
export function pairOf(answer: Answer): Pair {
  const refreshed = refreshCookieOf(answer)?.value;
  if (answer.statusCode !== 200 || refreshed === undefined) throw new Error(`no tokens: ${JSON.stringify(answer)}`);
  return { access: String(answer.body["access_token"]), refresh: refreshed };
}

/** The refresh cookie that an answer sets; undefined when it leaves it alone. */
export function refreshCookieOf(answer: Answer): SetCookie | undefined {
  return cookiesOf(answer)
    .map((header) => parseSetCookie(header))
    .find(({ name }) => name === "__Host-rt");
}

export function cookiesOf({ headers }: Answer): string[] {
  return [headers["set-cookie"] ?? []].flat();
}

/** The headers of a client that has only this in hand. */
export function byToken(pair: Pair) {
  return withToken(pair.access);
}

export function byCookie(pair: Pair) {
  return withCookie(pair.refresh);
}

export function byBoth(pair: Pair) {
  return { ...byToken(pair), ...byCookie(pair) };
}

/** The id of the session that an access token names. */
export function sessionOf({ access }: Pair): string {
  const [, payload = ""] = access.split(".");
  return (JSON.parse(Buffer.from(payload, "base64url").toString()) as { sid: string }).sid;
}

/** What was written down of this action. */
export async function audited(shop: TestApp, action: string) {
  return await shop.db.selectFrom("audit_log").selectAll().where("action", "=", action).execute();
}

/** Why sessions were revoked, all of them. */
export async function reasons(shop: TestApp) {
  const rows = await shop.db
    .selectFrom("sessions")
    .select("revoked_reason")
    .where("revoked_at", "is not", null)
    .execute();
  return rows.map((row) => row.revoked_reason);
}

/** How many refresh tokens there are. */
export async function tokens(shop: TestApp): Promise<{ all: number; unspent: number }> {
  const rows = await shop.db.selectFrom("refresh_tokens").select("spent_at").execute();
  return { all: rows.length, unspent: rows.filter((row) => row.spent_at === null).length };
}
