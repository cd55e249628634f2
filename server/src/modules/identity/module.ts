import type { Module } from "#src/platform/context.ts";
import { subscribe } from "#src/platform/messaging/event.ts";
import { accountRoutes } from "./accounts/account-routes.ts";
import { auditJourney } from "./audit/audit-repository.ts";
import { auditRoutes } from "./audit/audit-routes.ts";
import { keyRoutes } from "./sessions/key-routes.ts";
import { passwordResetRequested, userRegistered } from "./events.ts";
import { countFailedLogins } from "./login/failed-logins.ts";
import { loginRoutes } from "./login/login-routes.ts";
import { identityData } from "./personal-data/personal-data.ts";
import { personalDataRoutes } from "./personal-data/personal-data-routes.ts";
import { sessionRoutes } from "./sessions/session-routes.ts";
import { sessionSweeps } from "./sessions/session-repository.ts";
import { userRoutes } from "./administration/administration-routes.ts";
import { passwordRoutes } from "./passwords/password-routes.ts";
import { sendPasswordResets } from "./passwords/request-password-reset.ts";
import { tokenSweeps } from "./one-time-tokens/token-repository.ts";
import { verificationRoutes } from "./accounts/verification-routes.ts";
import { sendVerifications } from "./accounts/verify-email.ts";

/** Tokens that are made in one transaction. */
const TOKENS_BATCH = 20;

export const identityModule: Module = {
  name: "identity",
  journey: auditJourney,
  personalData: [identityData],
  checks: [],
  sweeps: [...sessionSweeps, ...tokenSweeps],
  async routes(app, context) {
    await accountRoutes(app, context);
    const failedLogins = countFailedLogins(context);
    await loginRoutes(app, context, failedLogins);
    await sessionRoutes(app, context);
    await keyRoutes(app, context);
    await userRoutes(app, context);
    await auditRoutes(app, context);
    await personalDataRoutes(app, context);
    await passwordRoutes(app, context, failedLogins);
    await verificationRoutes(app, context);
  },
  // Given up, a mail is just not sent: whoever waits for it can ask again.
  subscriptions: [
    subscribe(userRegistered, {
      consumer: "identity.send_verification",
      maxBatch: TOKENS_BATCH,
      handle: sendVerifications,
      onDead: async () => undefined,
    }),
    subscribe(passwordResetRequested, {
      consumer: "identity.send_password_reset",
      maxBatch: TOKENS_BATCH,
      handle: sendPasswordResets,
      onDead: async () => undefined,
    }),
  ],
};
