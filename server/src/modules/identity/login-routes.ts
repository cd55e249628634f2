import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { badCredentials } from "./errors.ts";
import { guardLogIn } from "./guard-log-in.ts";
import { logIn } from "./log-in.ts";
import { AccessToken, Credentials, KeySet, PasswordGrant } from "./schemas.ts";

const KEYS_MAX_AGE_SECONDS = 300;

export async function loginRoutes(app: App, context: Context): Promise<void> {
  const guard = guardLogIn(context);

  app.post(
    "/api/v1/users/login",
    {
      config: { permission: "session.open", problems: [badCredentials] },
      schema: { summary: "Log in", body: Credentials, response: { 200: AccessToken } },
    },
    async (request, reply) => {
      const input = { ...request.body, user_agent: request.headers["user-agent"] };
      return await guard({ request, reply }, input.email, () => logIn(context, input));
    },
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
      const input = { email, password, user_agent: request.headers["user-agent"] };
      return await guard({ request, reply }, email, () => logIn(context, input));
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
