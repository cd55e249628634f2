import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { Timestamp } from "#src/platform/http/schemas.ts";
import { callerOf, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { deleteAccount } from "./delete-account.ts";
import { badCredentials, lastAdmin } from "#src/modules/identity/errors.ts";
import { exportAccount } from "./export-account.ts";
import { clearRefreshCookie } from "#src/modules/identity/sessions/refresh-cookie.ts";
import { findUser } from "#src/modules/identity/accounts/user-repository.ts";
import { User } from "#src/modules/identity/schemas.ts";

/** One at a time; a process that died with one running is waited for this long. */
const EXPORTS = { name: "export", points: 1, windowSeconds: 60 };

const Export = Type.Object(
  { exported_at: Timestamp, account: User },
  { description: "and a list for each table that has something about the account", additionalProperties: true },
);

export async function personalDataRoutes(app: App, context: Context): Promise<void> {
  const send = exporting(context);

  app.get(
    "/api/v1/users/me/export",
    {
      config: { permission: "account.manage", problems: [badCredentials] },
      schema: {
        summary: "Get all that is held about oneself",
        description: "As a file of JSON. One at a time: 429 while another export of the same account runs.",
        response: { 200: Export },
      },
    },
    async (request, reply) => await send(request, reply),
  );

  app.delete(
    "/api/v1/users/me",
    {
      config: { permission: "account.manage", problems: [lastAdmin] },
      schema: {
        summary: "Delete one's own account",
        description:
          "At once and for good: nothing that tells who it was is left, all devices are signed out, items that are not " +
          "sold from the shop's stock go. Orders stay without a name, and open ones go on. The address is free again.",
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await deleteAccount(context, callerOf(request), requireUser(request).id);
      clearRefreshCookie(reply);
      return reply.code(204).send(null);
    },
  );
}

function exporting(context: Context) {
  const running = context.limits.create(EXPORTS);

  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { id } = requireUser(request);
    const key = String(id);
    // However the answer ends, a refusal included. A count that can't be taken back runs out with its window.
    reply.raw.once("close", () => void running.giveBack(key).catch(() => undefined));
    await running.take(reply, key);
    const account = await findUser(context.db, id);
    if (account === undefined) throw badCredentials();
    await recordAudit(context.db, callerOf(request), { action: "account.exported", user_id: id });
    const pieces = Readable.from(exportAccount(context, account), { objectMode: false });
    pieces.once("error", (err) =>
      context.log.error({ err, correlation_id: request.id, user_id: id }, "an export broke off"),
    );
    return reply
      .type("application/json; charset=utf-8")
      .header("content-disposition", `attachment; filename="shopfloor-account-${id}.json"`)
      .send(pieces);
  };
}
