import type { FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { bearerOf } from "#src/platform/http/access.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { refuseCrossSite } from "#src/platform/http/cross-site.ts";
import { crossSite, unauthenticated, wrongType } from "#src/platform/http/errors.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { callerOf, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { closeAllSessions, closeSession } from "./close-session.ts";
import { refreshRefused, sessionNotFound } from "#src/modules/identity/errors.ts";
import { clearRefreshCookie, readRefreshCookie, setRefreshCookie } from "./refresh-cookie.ts";
import { refreshSession } from "./refresh-session.ts";
import { revokeSessions, tellRevoked } from "./revoke-sessions.ts";
import { AccessToken, Session, SessionParams } from "#src/modules/identity/schemas.ts";
import { selectSessions } from "./session-repository.ts";

const SESSIONS: ListOptions = {
  columns: { id: "uuid", created_at: "time", last_used_at: "time" },
  defaultSort: "-last_used_at",
};
const BY_COOKIE = { security: [{ refresh_cookie: [] }] };
const BY_EITHER = { security: [{ bearer: [] }, { password: [] }, { refresh_cookie: [] }] };

export async function sessionRoutes(app: App, context: Context): Promise<void> {
  refreshing(app, context);
  leaving(app, context);
  devices(app, context);
}

function refreshing(app: App, context: Context): void {
  app.post(
    "/api/v1/auth/refresh",
    {
      config: { permission: "session.renew", problems: [refreshRefused, crossSite, wrongType] },
      onRequest: refuseCrossSite(context.config.publicUrl),
      schema: {
        summary: "Get a new access token",
        description:
          "With the cookie of the login. The refresh token in it is spent; its successor comes in a cookie. Sent again " +
          "within seconds, by a client that lost the answer, it gets the same successor; later, the session ends.",
        ...BY_COOKIE,
        response: { 200: AccessToken },
      },
    },
    async (request, reply) => {
      const sent = readRefreshCookie(request);
      if (sent === undefined) throw refreshRefused();
      const result = await refreshSession(context, callerOf(request), sent);
      if (typeof result !== "string") {
        setRefreshCookie(reply, result.cookie);
        return reply.send(result.token);
      }
      if (result === "dead") clearRefreshCookie(reply);
      throw refreshRefused();
    },
  );
}

function leaving(app: App, context: Context): void {
  const acts = [
    { url: "/api/v1/auth/logout", summary: "Log out", act: closeSession },
    { url: "/api/v1/auth/logout-all", summary: "Log out on all devices", act: closeAllSessions },
  ];
  const description =
    "With an access token, the cookie, or both. What they were good for ends at once, on every instance.";
  for (const { url, summary, act } of acts) {
    app.post(
      url,
      {
        config: { permission: "session.close", problems: [unauthenticated, crossSite, wrongType] },
        onRequest: refuseCrossSite(context.config.publicUrl),
        schema: { summary, description, ...BY_EITHER },
      },
      async (request, reply) => {
        const left = await act(context, callerOf(request), tokensOf(request));
        if (!left) throw unauthenticated();
        clearRefreshCookie(reply);
        return reply.code(204).send();
      },
    );
  }
}

function tokensOf(request: FastifyRequest) {
  return { access_token: bearerOf(request), refresh_token: readRefreshCookie(request) };
}

function devices(app: App, context: Context): void {
  app.get(
    "/api/v1/users/me/sessions",
    {
      config: { permission: "session.manage" },
      schema: {
        summary: "List one's own sessions",
        querystring: listQuery(SESSIONS, {}),
        response: { 200: pageOf(Session) },
      },
    },
    async (request, reply) => {
      const { id, session_id } = requireUser(request);
      const page = await readPage(context.db, SESSIONS, request.query, selectSessions(context.db, id));
      const data = page.data.map((session) => ({ ...session, current: session.id === session_id }));
      return sendPage(request, reply, { ...page, data });
    },
  );

  app.delete(
    "/api/v1/users/me/sessions/:id",
    {
      config: { permission: "session.manage", unversioned: true, problems: [sessionNotFound] },
      schema: { summary: "End one of one's own sessions", params: SessionParams },
    },
    async (request, reply) => {
      const { id: user_id, session_id } = requireUser(request);
      const only = request.params.id.toLowerCase();
      const ended = await transact(context, async (trx) => {
        const ids = await revokeSessions(trx, { user_id, reason: "device_revoked", only });
        const details = { session_id: only };
        if (ids.length > 0) await recordAudit(trx, callerOf(request), { action: "session.revoked", user_id, details });
        return ids;
      });
      if (ended.length === 0) throw sessionNotFound();
      await tellRevoked(context, ended);
      if (only === session_id) clearRefreshCookie(reply);
      return reply.code(204).send();
    },
  );
}
