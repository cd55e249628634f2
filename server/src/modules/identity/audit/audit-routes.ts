import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { Choice, Id, Moment, Nullable, Strict, Timestamp } from "#src/platform/http/schemas.ts";
import { AUDIT_ACTIONS } from "./audit.ts";
import { selectAudit } from "./audit-repository.ts";

const CORRELATION_ID = "^[A-Za-z0-9._-]{1,64}$";

const AuditEntry = Strict({
  id: Id,
  action: Type.String({ examples: ["session.refresh_reused"] }),
  user_id: Nullable(
    Type.Integer({ description: "whose account it is about; null when nobody has the name, or it is about none" }),
  ),
  actor_id: Nullable(Type.Integer({ description: "who was signed in; null when nobody was" })),
  address_hmac: Nullable(
    Type.String({ description: "the same for the same address and actor; means nothing once the account is deleted" }),
  ),
  correlation_id: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
  occurred_at: Timestamp,
});

const LIST: ListOptions = { columns: { id: "integer", occurred_at: "time" }, defaultSort: "-id" };
const AuditList = listQuery(LIST, {
  action: Type.Optional(Choice(AUDIT_ACTIONS)),
  user_id: Type.Optional(Id),
  actor_id: Type.Optional(Id),
  correlation_id: Type.Optional(Type.String({ pattern: CORRELATION_ID, maxLength: 64 })),
  from: Type.Optional(Moment),
  to: Type.Optional(Moment),
});

export async function auditRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.get(
    "/api/v1/operations/audit",
    {
      config: { permission: "audit.read" },
      schema: {
        summary: "Read what was done to accounts and to the machinery: who, what, when, in which request",
        description: "`from` is the first moment that is shown, `to` the first that is not any more.",
        querystring: AuditList,
        response: { 200: pageOf(AuditEntry) },
      },
    },
    async (request, reply) => {
      const { action, user_id, actor_id, correlation_id, from, to } = request.query;
      let rows = selectAudit(db);
      if (action !== undefined) rows = rows.where("action", "=", action);
      if (user_id !== undefined) rows = rows.where("user_id", "=", user_id);
      if (actor_id !== undefined) rows = rows.where("actor_id", "=", actor_id);
      if (correlation_id !== undefined) rows = rows.where("correlation_id", "=", correlation_id);
      if (from !== undefined) rows = rows.where("occurred_at", ">=", from);
      if (to !== undefined) rows = rows.where("occurred_at", "<", to);
      return sendPage(request, reply, await readPage(db, LIST, request.query, rows));
    },
  );
}
