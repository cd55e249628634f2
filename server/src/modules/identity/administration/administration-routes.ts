import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { App } from "#src/platform/http/app.ts";
import { checkIfMatch, sendVersioned } from "#src/platform/http/etag.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { IdParams, Text } from "#src/platform/http/schemas.ts";
import { administerUser } from "./administer-user.ts";
import { callerOf } from "#src/modules/identity/audit/audit.ts";
import { normaliseEmail } from "#src/modules/identity/accounts/email.ts";
import { lastAdmin, userNotFound } from "#src/modules/identity/errors.ts";
import { tellRevoked } from "#src/modules/identity/sessions/revoke-sessions.ts";
import {
  Account,
  AccountChange,
  AccountStatus,
  MAX_EMAIL_LENGTH,
  MAX_NAME_LENGTH,
  RoleName,
} from "#src/modules/identity/schemas.ts";
import { named, selectAccounts } from "./administration-repository.ts";

const LIST: ListOptions = {
  columns: { id: "integer", email: "text", full_name: "text", created_at: "time", updated_at: "time" },
  defaultSort: "id",
};
const UserList = listQuery(LIST, {
  email: Type.Optional(Text(1, MAX_EMAIL_LENGTH, { description: "the whole address" })),
  role: Type.Optional(RoleName),
  status: Type.Optional(AccountStatus),
  q: Type.Optional(Text(1, MAX_NAME_LENGTH, { description: "a part of the name" })),
});

/** What an admin does with accounts. */
export async function userRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.get(
    "/api/v1/users",
    {
      config: { permission: "user.manage" },
      schema: { summary: "List accounts", querystring: UserList, response: { 200: pageOf(Account) } },
    },
    async (request, reply) => {
      const { email, role, status, q } = request.query;
      let rows = selectAccounts(db);
      if (email !== undefined) rows = rows.where("email", "=", normaliseEmail(email));
      if (role !== undefined) rows = rows.where("role", "=", role);
      if (status !== undefined) rows = rows.where("status", "=", status);
      if (q !== undefined) rows = rows.where(named(q));
      return sendPage(request, reply, await readPage(db, LIST, request.query, rows));
    },
  );

  app.patch(
    "/api/v1/users/:id",
    {
      config: { permission: "user.manage", problems: [userNotFound, lastAdmin] },
      schema: {
        summary: "Give an account another role, disable or enable it",
        description: "Who is disabled is signed out everywhere. The last admin stays one.",
        params: IdParams,
        body: AccountChange,
        response: { 200: Account },
      },
    },
    async (request, reply) => {
      const check = ({ version }: { version: number }) => checkIfMatch(request, version);
      const change = { ...request.body, id: request.params.id, check };
      const { account, revoked } = await transact(context, (trx) => administerUser(trx, callerOf(request), change));
      await tellRevoked(context, revoked);
      return sendVersioned(request, reply, account);
    },
  );
}
