import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { refuseCrossSite } from "#src/platform/http/cross-site.ts";
import { crossSite } from "#src/platform/http/errors.ts";
import { callerOf } from "#src/modules/identity/audit/audit.ts";
import { badCredentials } from "#src/modules/identity/errors.ts";
import type { FailedLogins } from "./failed-logins.ts";
import { guardLogIn } from "./guard-log-in.ts";
import { logIn } from "./log-in.ts";
import { readRefreshCookie, setRefreshCookie } from "#src/modules/identity/sessions/refresh-cookie.ts";
import { AccessToken, Credentials, PasswordGrant } from "#src/modules/identity/schemas.ts";

type Exchange = { request: FastifyRequest; reply: FastifyReply };

export async function loginRoutes(app: App, context: Context, failedLogins: FailedLogins): Promise<void> {
  const guard = guardLogIn(context, failedLogins);
  const logInWith = async ({ request, reply }: Exchange, credentials: { email: string; password: string }) => {
    const input = { ...credentials, refresh_token: readRefreshCookie(request) };
    const attempt = () => logIn(context, callerOf(request), input);
    const { token, cookie } = await guard({ request, reply }, input.email, attempt);
    setRefreshCookie(reply, cookie);
    return token;
  };

  app.post(
    "/api/v1/users/login",
    {
      config: { permission: "session.open", problems: [badCredentials] },
      schema: { summary: "Log in", body: Credentials, response: { 200: AccessToken } },
    },
    async (request, reply) => reply.send(await logInWith({ request, reply }, request.body)),
  );

  app.post(
    "/api/v1/auth/login/access-token",
    {
      config: { permission: "session.open", form: true, problems: [badCredentials, crossSite] },
      // A page of another site can send a form, but no JSON: it could log its visitor in to somebody else's account.
      onRequest: refuseCrossSite(context.config.publicUrl),
      schema: {
        summary: "Log in as an OAuth 2 client does, with a form",
        body: PasswordGrant,
        response: { 200: AccessToken },
      },
    },
    async (request, reply) => {
      const { username: email, password } = request.body;
      return reply.send(await logInWith({ request, reply }, { email, password }));
    },
  );
}
