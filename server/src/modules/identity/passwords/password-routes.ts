import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { clientNetwork } from "#src/platform/http/rate-limit.ts";
import { callerOf } from "#src/modules/identity/audit/audit.ts";
import { changePassword } from "./change-password.ts";
import { normaliseEmail } from "#src/modules/identity/accounts/email.ts";
import { passwordRefused, tokenInvalid, wrongPassword } from "#src/modules/identity/errors.ts";
import { requestPasswordReset } from "./request-password-reset.ts";
import { resetPassword } from "./reset-password.ts";
import type { FailedLogins } from "#src/modules/identity/login/failed-logins.ts";
import { Accepted, PasswordChange, PasswordReset, PasswordResetRequest } from "#src/modules/identity/schemas.ts";

const RESET_WINDOW_SECONDS = 3_600;
const RESETS_PER_ACCOUNT = 3;
const RESETS_PER_ADDRESS = 20;
const CHANGE_WINDOW_SECONDS = 600;
const WRONG_PASSWORDS_PER_ACCOUNT = 5;

const ON_ITS_WAY = { message: "If there is an account with this address, a mail is on its way to it." };

export async function passwordRoutes(app: App, context: Context, failedLogins: FailedLogins): Promise<void> {
  resetRoutes(app, context, failedLogins);
  changeRoute(app, context);
}

function resetRoutes(app: App, context: Context, failedLogins: FailedLogins): void {
  const windowSeconds = RESET_WINDOW_SECONDS;
  const points = RESETS_PER_ADDRESS * context.config.rateLimitScale;
  const byAddress = context.limits.create({ name: "password-reset-address", points, windowSeconds });
  const byAccount = context.limits.create({
    name: "password-reset-account",
    points: RESETS_PER_ACCOUNT,
    windowSeconds,
  });

  app.post(
    "/api/v1/auth/password-reset",
    {
      config: { permission: "account.recover" },
      schema: {
        summary: "Ask for a mail with which a forgotten password can be replaced",
        description: "The answer is the same whether there is such an account or not, and says nothing about it.",
        body: PasswordResetRequest,
        response: { 202: Accepted },
      },
    },
    async (request, reply) => {
      await byAddress.take(reply, clientNetwork(request));
      const email = normaliseEmail(request.body.email);
      // Without a word to who asks: a 429 for an address would tell strangers that its owner asks, too.
      const allowed = await byAccount.tryTake(email);
      const caller = callerOf(request);
      await requestPasswordReset(context, { caller, origin: request.origin }, { email, allowed });
      return reply.code(202).send(ON_ITS_WAY);
    },
  );

  app.post(
    "/api/v1/auth/password-reset/confirm",
    {
      config: { permission: "account.recover", problems: [tokenInvalid, passwordRefused] },
      schema: {
        summary: "Choose a new password with the token of the mail",
        description:
          "The token works once. All sessions of the account end, and who was kept waiting for failed logins may log in.",
        body: PasswordReset,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { email } = await resetPassword(context, { caller, origin: request.origin }, request.body);
      // What was guessed was another password, and whoever did it can't keep the owner out with it any longer.
      await failedLogins.byAccount.clear(email);
      return reply.code(204).send(null);
    },
  );
}

function changeRoute(app: App, context: Context): void {
  const limit = { points: WRONG_PASSWORDS_PER_ACCOUNT, windowSeconds: CHANGE_WINDOW_SECONDS };
  const wrongOnes = context.limits.create({ name: "password-change", ...limit });

  app.post(
    "/api/v1/users/me/password",
    {
      config: { permission: "account.manage", problems: [wrongPassword, passwordRefused] },
      schema: {
        summary: "Change one's own password",
        description: "All other sessions of the account end.",
        body: PasswordChange,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const user = requireUser(request);
      const account = String(user.id);
      // As at login: who has found an unlocked device must not guess on.
      await wrongOnes.take(reply, account);
      let wrong = false;
      try {
        const exchange = { caller: callerOf(request), origin: request.origin, user };
        await changePassword(context, exchange, request.body);
      } catch (error) {
        wrong = error instanceof Problem && error.code === wrongPassword.code;
        throw error;
      } finally {
        if (!wrong) await wrongOnes.giveBack(account);
      }
      return reply.code(204).send(null);
    },
  );
}
