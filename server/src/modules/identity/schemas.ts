import Type, { type Static } from "typebox";
import { ROLES } from "#src/permissions.ts";
import { Choice, Id, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

export const MAX_EMAIL_LENGTH = 254; // RFC 5321, 4.5.3.1.3, less the angle brackets
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 128;
/** At login, where there is no rule to tell, but a megabyte is not worth hashing. */
export const MAX_SENT_PASSWORD_LENGTH = 1_024;
export const MAX_NAME_LENGTH = 200;

export const RoleName = Choice(ROLES);

const Email = Type.String({
  format: "idn-email",
  maxLength: MAX_EMAIL_LENGTH,
  description: "in whatever case; the domain may be an internationalised one",
  examples: ["ann@example.com"],
});
const NewPassword = Text(MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH, {
  description: "counted in characters, as sent and after NFKC; of any kind, but none of the most common passwords",
  examples: ["correct horse battery"],
});
// At login every length is heard out: what the rules were when the password was made is nobody's business here.
const Password = Text(1, MAX_SENT_PASSWORD_LENGTH, { examples: ["correct horse battery"] });
const FullName = Text(1, MAX_NAME_LENGTH, { examples: ["Ann Example"] });

export const NewUser = Strict({ email: Email, password: NewPassword, full_name: FullName });
/** Of a one-time token; any text may be sent, and then is none that we gave out. */
const MAX_ONE_TIME_TOKEN_LENGTH = 200;
const OneTimeToken = Text(1, MAX_ONE_TIME_TOKEN_LENGTH, { examples: ["Yzg0bWZ2cG5rM3o2eHFhd2w5dDd1aDJzajRkcjhlYjE"] });
export const PasswordResetRequest = Strict({ email: Email });
export const PasswordReset = Strict({ token: OneTimeToken, new_password: NewPassword });
export const PasswordChange = Strict({ current_password: Password, new_password: NewPassword });
export const EmailVerification = Strict({ token: OneTimeToken });
export const Accepted = Strict({ message: Type.String() });

const LoginName = Text(0, MAX_EMAIL_LENGTH, { examples: ["ann@example.com"] });
export const Credentials = Strict({ email: LoginName, password: Password });
export const ProfileChange = Strict({ full_name: Type.Optional(FullName) });

/** RFC 6749, 4.3.2: what an OAuth 2 client sends; only name and password count here. */
export const PasswordGrant = Strict({
  username: LoginName,
  password: Password,
  grant_type: Type.Optional(Choice(["password", ""])),
  scope: Type.Optional(Type.String({ maxLength: 200 })),
  client_id: Type.Optional(Type.String({ maxLength: 200 })),
  client_secret: Type.Optional(Type.String({ maxLength: 200 })),
});

export const User = Strict({
  id: Id,
  email: Type.String(),
  email_verified: Type.Boolean({ description: "whether a link that was sent there has come back" }),
  full_name: Type.String(),
  role: RoleName,
  version: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type User = Static<typeof User>;

export const AccountStatus = Choice(["active", "disabled"]);
export type AccountStatus = Static<typeof AccountStatus>;
/** An account as an admin sees it. */
export const Account = Strict({ ...User.properties, status: AccountStatus });
export type Account = Static<typeof Account>;
export const AccountChange = Type.Object(
  { role: Type.Optional(RoleName), status: Type.Optional(AccountStatus) },
  { additionalProperties: false, minProperties: 1 },
);

export const AccessToken = Strict({
  access_token: Type.String(),
  token_type: Type.Literal("bearer"),
  expires_in: Type.Integer({ description: "seconds", examples: [900] }),
});
export type AccessToken = Static<typeof AccessToken>;

const SessionId = Type.String({ format: "uuid", examples: ["7d9f3c1e-5b1a-4c0e-9a55-3f2f0c6f2f11"] });
export const SessionParams = Strict({ id: SessionId });
/** A session as its owner sees it: which device, from where, until when; nothing that it could be used with. */
export const Session = Strict({
  id: SessionId,
  user_agent: Nullable(Type.String({ description: "as the device calls itself" })),
  address: Nullable(Type.String({ description: "where it was last renewed from" })),
  created_at: Timestamp,
  last_used_at: Timestamp,
  expires_at: Timestamp,
  current: Type.Boolean({ description: "whether it is the one that asks" }),
});

export const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.String())) });
