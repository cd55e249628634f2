import { Choice, Strict, Text } from "#src/platform/http/schemas.ts";
import { defineMail, type MailTools } from "#src/platform/mail/mail.ts";
import { PASSWORD_RESET_MINUTES, VERIFICATION_HOURS } from "./one-time-tokens/token-lives.ts";

const SEED_LENGTH = 43;
const Seeded = Strict({ seed: Text(SEED_LENGTH, SEED_LENGTH) });

/**
 * The way to a page, with its token. It stands behind `#`: browsers keep that part for themselves, and send it neither to
 * a server, which would log it, nor in a Referer (RFC 9110, 10.1.3).
 */
function linkTo(page: string, token: string, { publicUrl }: MailTools): string {
  return `${publicUrl}/${page}#token=${token}`;
}

export const passwordResetMail = defineMail("password_reset", Seeded, (tools, { seed }) => {
  const token = tools.tokenOf("password_reset", seed);
  return {
    subject: "Choose a new password",
    text: `Somebody, most likely you, asked for a new password for your account.

Choose one here, within ${PASSWORD_RESET_MINUTES} minutes:
${linkTo("reset-password", token, tools)}

Or send the token itself to POST ${tools.publicUrl}/api/v1/auth/password-reset/confirm:
${token}

The link works once, and a newer one makes it void. All devices will have to log in again.
If it was not you, do nothing: your password stays as it is.
`,
  };
});

export const verifyEmailMail = defineMail("verify_email", Seeded, (tools, { seed }) => {
  const token = tools.tokenOf("verify_email", seed);
  return {
    subject: "Is this your address?",
    text: `An account was opened with this address. If it was you, say so here, within ${VERIFICATION_HOURS} hours:
${linkTo("verify-email", token, tools)}

Or send the token itself to POST ${tools.publicUrl}/api/v1/auth/verify-email:
${token}

If it was not you, do nothing, and whoever it was can't prove to have your address.
`,
  };
});

const HOW = { reset: "by a link that we sent to this address", change: "by somebody who knew the old one" } as const;

export const passwordChangedMail = defineMail(
  "password_changed",
  Strict({ how: Choice(["reset", "change"]) }),
  (tools, { how }) => ({
    subject: "Your password was changed",
    text: `The password of your account was changed ${HOW[how]}.
${how === "reset" ? "All devices" : "All other devices"} were logged out.

If it was not you, take your account back now: ask for a new password at
${tools.publicUrl}/forgot-password
or by POST ${tools.publicUrl}/api/v1/auth/password-reset.
`,
  }),
);
