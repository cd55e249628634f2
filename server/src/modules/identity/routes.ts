import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { stale } from "#src/platform/http/errors.ts";
import { checkIfMatch, sendVersioned } from "#src/platform/http/etag.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { clientAddress, createLimiter } from "#src/platform/http/rate-limit.ts";
import { type App, requireUser } from "#src/platform/http/server.ts";
import { normaliseEmail } from "./email.ts";
import { badCredentials, emailTaken } from "./errors.ts";
import { logIn } from "./log-in.ts";
import { registerUser } from "./register-user.ts";
import { findUser, lockUser, updateUser } from "./repository.ts";
import { AccessToken, Credentials, KeySet, NewUser, PasswordGrant, ProfileChange, User } from "./schemas.ts";

const TEN_MINUTES = 600;
const HOUR = 3_600;
const FAILURES_PER_ACCOUNT = 5;
const FAILURES_PER_ADDRESS = 50;
const REGISTRATIONS_PER_ADDRESS = 20;
const KEYS_MAX_AGE_SECONDS = 300;

export async function identityRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;
  const logInGuarded = guardLogIn(context);
  const scale = context.config.rateLimitScale;
  const registrations = createLimiter({
    name: "register",
    points: REGISTRATIONS_PER_ADDRESS * scale,
    windowSeconds: HOUR,
  });

  app.post(
    "/api/v1/users/register",
    {
      config: { access: "anyone", problems: [emailTaken] },
      schema: { summary: "Open an account", body: NewUser, response: { 201: User } },
    },
    async (request, reply) => {
      await registrations.take(reply, clientAddress(request));
      const user = await registerUser(context, request.body);
      return reply.code(201).header("location", "/api/v1/users/me").send(user);
    },
  );

  app.post(
    "/api/v1/users/login",
    {
      config: { access: "anyone", problems: [badCredentials] },
      schema: { summary: "Log in", body: Credentials, response: { 200: AccessToken } },
    },
    async (request, reply) => await logInGuarded(request, reply, request.body),
  );

  app.post(
    "/api/v1/auth/login/access-token",
    {
      config: { access: "anyone", form: true, problems: [badCredentials] },
      schema: {
        summary: "Log in as an OAuth 2 client does, with a form",
        body: PasswordGrant,
        response: { 200: AccessToken },
      },
    },
    async (request, reply) => {
      const { username: email, password } = request.body;
      return await logInGuarded(request, reply, { email, password });
    },
  );

  app.get(
    "/api/v1/users/me",
    { config: { access: "user" }, schema: { summary: "Read one's own account", response: { 200: User } } },
    async (request, reply) => {
      const user = await findUser(db, requireUser(request).id);
      if (user === undefined) throw badCredentials();
      return sendVersioned(request, reply, user);
    },
  );

  app.patch(
    "/api/v1/users/me",
    {
      config: { access: "user", problems: [stale] },
      schema: { summary: "Change one's own account", body: ProfileChange, response: { 200: User } },
    },
    async (request, reply) => {
      const { id } = requireUser(request);
      const user = await transact(context, async (trx) => {
        const current = await lockUser(trx, id);
        if (current === undefined) throw badCredentials();
        checkIfMatch(request, current.version);
        return await updateUser(trx, id, request.body);
      });
      return sendVersioned(request, reply, user);
    },
  );

  app.get(
    "/.well-known/jwks.json",
    {
      config: { access: "anyone" },
      schema: { summary: "Read the public keys that verify access tokens (RFC 7517)", response: { 200: KeySet } },
    },
    async (_request, reply) => {
      return reply.header("cache-control", `public, max-age=${KEYS_MAX_AGE_SECONDS}`).send(context.tokens.jwks);
    },
  );
}

/**
 * Counts failures by account and by address. An account that does not exist is counted alike, and the right password
 * is refused as well while the account is throttled: otherwise the throttle would tell which guess was right.
 */
function guardLogIn(context: Context) {
  const windowSeconds = TEN_MINUTES;
  const byAccount = createLimiter({ name: "login-account", points: FAILURES_PER_ACCOUNT, windowSeconds });
  const points = FAILURES_PER_ADDRESS * context.config.rateLimitScale;
  const byAddress = createLimiter({ name: "login-address", points, windowSeconds });

  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    input: { email: string; password: string },
  ): Promise<AccessToken> => {
    const account = normaliseEmail(input.email);
    await byAddress.check(reply, clientAddress(request));
    await byAccount.check(reply, account);
    try {
      const token = await logIn(context, { ...input, user_agent: request.headers["user-agent"] });
      reply.header("cache-control", "no-store");
      return token;
    } catch (error) {
      if (error instanceof Problem && error.code === badCredentials.code) {
        await Promise.all([byAddress.note(clientAddress(request)), byAccount.note(account)]);
      }
      throw error;
    }
  };
}
