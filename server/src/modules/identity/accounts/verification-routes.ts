import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { callerOf } from "#src/modules/identity/audit/audit.ts";
import { alreadyVerified, tokenInvalid } from "#src/modules/identity/errors.ts";
import { Accepted, EmailVerification } from "#src/modules/identity/schemas.ts";
import { sendVerificationAgain, verifyEmail } from "./verify-email.ts";

const WINDOW_SECONDS = 3_600;
const MAILS_PER_ACCOUNT = 3;

const ON_ITS_WAY = { message: "A mail is on its way to the address of your account." };

export async function verificationRoutes(app: App, context: Context): Promise<void> {
  const limit = { points: MAILS_PER_ACCOUNT, windowSeconds: WINDOW_SECONDS };
  const mails = context.limits.create({ name: "verification", ...limit });

  app.post(
    "/api/v1/auth/verify-email",
    {
      config: { permission: "account.verify", problems: [tokenInvalid] },
      schema: {
        summary: "Verify the address of an account with the token of the mail",
        body: EmailVerification,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await verifyEmail(context, callerOf(request), request.body);
      return reply.code(204).send(null);
    },
  );

  app.post(
    "/api/v1/users/me/verification",
    {
      config: { permission: "account.manage", problems: [alreadyVerified] },
      schema: { summary: "Ask for another mail that verifies one's address", response: { 202: Accepted } },
    },
    async (request, reply) => {
      const { id } = requireUser(request);
      await mails.take(reply, String(id));
      await sendVerificationAgain(context, request.origin, id);
      return reply.code(202).send(ON_ITS_WAY);
    },
  );
}
