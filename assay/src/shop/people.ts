import { randomBytes } from "node:crypto";
import { type Content, type Exchange, type Line, type Sender, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { bodyOf, integerOf, textOf } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";
import type { Credentials } from "../settings.ts";

/** Somebody of a scenario, with an address that no other scenario has. */
export type Person = { name: string; fullName: string; email: string; password: string };

/** Somebody who has logged in. */
export type Member = Person & Sender & { id: number };

export type LoginWay = "by address" | "by the OAuth2 form";

// A pass is used for half of its life, so that it can't run out in the middle of a scenario.
const PASS_USED_FOR = 0.5;

/** A person who is not registered yet. The name is the scenario's; address and password are random. */
export function newcomer(name: string): Person {
  const unique = randomBytes(6).toString("hex");
  return {
    name,
    fullName: `${name} ${unique}`,
    email: `${name.toLowerCase()}.${unique}@assay.example`,
    password: `assay ${randomBytes(12).toString("base64url")}`,
  };
}

/** Sends a registration; `changes` replace fields of the body, and undefined leaves a field out. */
export function register(line: Line, person: Person, changes: Record<string, unknown> = {}): Promise<Exchange> {
  const { email, password, fullName } = person;
  return send(line, undefined, "POST /api/v1/users/register", {
    json: { email, password, full_name: fullName, ...changes },
  });
}

/** Sends a login, in one of the two ways of the contract. */
export function logIn(line: Line, { email, password }: Credentials, way: LoginWay = "by address"): Promise<Exchange> {
  return way === "by address"
    ? send(line, undefined, "POST /api/v1/users/login", { json: { email, password } })
    : send(line, undefined, "POST /api/v1/auth/login/access-token", { form: { username: email, password } });
}

/** The access token of a login's answer. Throws a Fault when it is not there. */
export function tokenOf(login: Exchange): string {
  return textOf(bodyOf(succeeded(login)), "access_token");
}

/** Asks for the account that a pass belongs to; undefined: without a pass. */
export function openAccount(line: Line, sender: Sender | undefined, content: Content = {}): Promise<Exchange> {
  return send(line, sender, "GET /api/v1/users/me", content);
}

/** Registers a newcomer and logs in. Throws a Fault when either is refused. */
export async function join(line: Line, name: string): Promise<Member> {
  const person = newcomer(name);
  const registered = succeeded(await register(line, person));
  const id = integerOf(bodyOf(registered), "id");
  return { ...person, id, token: tokenOf(await logIn(line, person)) };
}

// A refused login is not tried again: forty scenarios with a wrong password would lock the account for its owner.
const refusedLogins = new Map<string, Exchange>();
const passes = new Map<string, { member: Member; until: number }>();

/**
 * Logs in as staff or administrator of the examined server; one login serves many scenarios.
 * @param name how the scenario calls this person
 * @throws Fault when the login is refused, each time with the first refusal
 */
export async function employ(line: Line, name: string, credentials: Credentials): Promise<Member> {
  const key = `${line.target} ${credentials.email}`;
  const known = passes.get(key);
  if (known !== undefined && Date.now() < known.until) return { ...known.member, name };
  const login = refusedLogins.get(key) ?? (await logIn(line, credentials));
  if (login.answer.status >= 400) {
    refusedLogins.set(key, login);
    const way = "ASSAY_STAFF_EMAIL, ASSAY_ADMIN_EMAIL and their _PASSWORD name other accounts";
    throw fault(login, `${credentials.email} could not log in (${login.answer.status}); ${way}`);
  }
  const token = tokenOf(login);
  const lifeMs = integerOf(bodyOf(login), "expires_in") * 1000;
  const id = integerOf(bodyOf(succeeded(await openAccount(line, { name, token }))), "id");
  const member: Member = { name, fullName: name, ...credentials, id, token };
  passes.set(key, { member, until: Date.now() + lifeMs * PASS_USED_FOR });
  return member;
}
