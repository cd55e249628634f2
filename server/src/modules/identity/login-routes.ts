import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { clientAddress, createLimiter } from "#src/platform/http/rate-limit.ts";
import type { App } from "#src/platform/http/app.ts";
import { normaliseEmail } from "./email.ts";
import { badCredentials } from "./errors.ts";
import { logIn } from "./log-in.ts";
import { AccessToken, Credentials, KeySet, PasswordGrant } from "./schemas.ts";

const WINDOW_SECONDS = 600;
const FAILURES_PER_ACCOUNT = 5;
const FAILURES_PER_ADDRESS = 50;
const KEYS_MAX_AGE_SECONDS = 300;

export async function loginRoutes(app: App, context: Context): Promise<void> {
  const logInGuarded = guardLogIn(context);

  app.post(
    "/api/v1/users/login",
    {
      config: { permission: "session.open", problems: [badCredentials] },
      schema: { summary: "Log in", body: Credentials, response: { 200: AccessToken } },
    },
    async (request, reply) => await logInGuarded(request, reply, request.body),
  );

  app.post(
    "/api/v1/auth/login/access-token",
    {
      config: { permission: "session.open", form: true, problems: [badCredentials] },
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
    "/.well-known/jwks.json",
    {
      config: { permission: "service.read" },
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
  const windowSeconds = WINDOW_SECONDS;
  const points = FAILURES_PER_ADDRESS * context.config.rateLimitScale;
  const byAddress = createLimiter({ name: "login-address", points, windowSeconds });
  const byAccount = createLimiter({ name: "login-account", points: FAILURES_PER_ACCOUNT, windowSeconds });

  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    input: { email: string; password: string },
  ): Promise<AccessToken> => {
    const [address, account] = [clientAddress(request), normaliseEmail(input.email)];
    await byAddress.take(reply, address);
    await byAccount.take(reply, account);
    let failed = false;
    try {
      return await logIn(context, { ...input, user_agent: request.headers["user-agent"] });
    } catch (error) {
      failed = error instanceof Problem && error.code === badCredentials.code;
      throw error;
    } finally {
      if (!failed) await Promise.all([byAddress.giveBack(address), byAccount.giveBack(account)]);
    }
  };
}
