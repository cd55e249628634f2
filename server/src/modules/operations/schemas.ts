import Type from "typebox";
import { Id, Nullable, Strict, Timestamp } from "#src/platform/http/schemas.ts";

export const Mail = Strict({
  id: Id,
  kind: Type.String({ examples: ["password_reset"] }),
  recipient: Type.String({ examples: ["ann@example.com"] }),
  subject: Type.String(),
  text: Type.String({
    description:
      "without links and tokens in production and where mails go out by SMTP: they are their recipient's only",
  }),
  correlation_id: Type.String({ description: "of the request that caused it" }),
  created_at: Timestamp,
  sent_at: Nullable(Timestamp),
});
