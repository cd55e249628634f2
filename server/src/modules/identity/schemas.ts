import Type, { type Static } from "typebox";
import { ROLES } from "#src/permissions.ts";
import { Choice, Id, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

export const MAX_EMAIL_LENGTH = 254; // RFC 5321, 4.5.3.1.3, less the angle brackets
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 128;
const MAX_NAME_LENGTH = 200;

export const RoleName = Choice(ROLES);

const Email = Type.String({ format: "email", maxLength: MAX_EMAIL_LENGTH, examples: ["ann@example.com"] });
const NewPassword = Text(MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH, { examples: ["correct horse battery"] });
// At login every length is heard out: what the rules were when the password was made is nobody's business here.
const Password = Text(1, MAX_PASSWORD_LENGTH, { examples: ["correct horse battery"] });
const FullName = Text(1, MAX_NAME_LENGTH, { examples: ["Ann Example"] });

export const NewUser = Strict({ email: Email, password: NewPassword, full_name: FullName });
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
  full_name: Type.String(),
  role: RoleName,
  version: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type User = Static<typeof User>;

export const AccessToken = Strict({
  access_token: Type.String(),
  token_type: Type.Literal("bearer"),
  expires_in: Type.Integer({ description: "seconds", examples: [900] }),
});
export type AccessToken = Static<typeof AccessToken>;

export const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.String())) });
