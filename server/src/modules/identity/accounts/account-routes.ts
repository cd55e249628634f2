import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { stale } from "#src/platform/http/errors.ts";
import { checkIfMatch, sendVersioned } from "#src/platform/http/etag.ts";
import { clientNetwork } from "#src/platform/http/rate-limit.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { callerOf } from "#src/modules/identity/audit/audit.ts";
import { badCredentials, emailRefused, emailTaken, passwordRefused } from "#src/modules/identity/errors.ts";
import { userRenamed } from "#src/modules/identity/events.ts";
import { registerUser } from "./register-user.ts";
import { findUser, lockUser, updateUser } from "./user-repository.ts";
import { NewUser, ProfileChange, User } from "#src/modules/identity/schemas.ts";

const HOUR_SECONDS = 3_600;
const REGISTRATIONS_PER_ADDRESS = 20;

export async function accountRoutes(app: App, context: Context): Promise<void> {
  const { db, config } = context;
  const points = REGISTRATIONS_PER_ADDRESS * config.rateLimitScale;
  const registrations = context.limits.create({ name: "register", points, windowSeconds: HOUR_SECONDS });

  app.post(
    "/api/v1/users/register",
    {
      config: { permission: "account.open", problems: [emailTaken, emailRefused, passwordRefused] },
      schema: { summary: "Open an account", body: NewUser, response: { 201: User } },
    },
    async (request, reply) => {
      await registrations.take(reply, clientNetwork(request));
      const user = await registerUser(context, { caller: callerOf(request), origin: request.origin }, request.body);
      return reply.code(201).header("location", "/api/v1/users/me").send(user);
    },
  );

  app.get(
    "/api/v1/users/me",
    {
      config: { permission: "account.manage" },
      schema: { summary: "Read one's own account", response: { 200: User } },
    },
    async (request, reply) => {
      const user = await findUser(db, requireUser(request).id);
      if (user === undefined) throw badCredentials();
      return sendVersioned(request, reply, user);
    },
  );

  app.patch(
    "/api/v1/users/me",
    {
      config: { permission: "account.manage", problems: [stale] },
      schema: { summary: "Change one's own account", body: ProfileChange, response: { 200: User } },
    },
    async (request, reply) => {
      const { id } = requireUser(request);
      const user = await transact(context, async (trx) => {
        const current = await lockUser(trx, id);
        if (current === undefined) throw badCredentials();
        checkIfMatch(request, current.version);
        const changed = await updateUser(trx, id, request.body);
        if (changed.full_name !== current.full_name)
          await publish(trx, userRenamed, [{ origin: request.origin, payload: { user_id: id } }]);
        return changed;
      });
      return sendVersioned(request, reply, user);
    },
  );
}
