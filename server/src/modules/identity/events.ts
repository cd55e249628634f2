import { Id, Nullable, Strict } from "#src/platform/http/schemas.ts";
import { defineEvent } from "#src/platform/messaging/event.ts";

/** Somebody opened an account; the address is not verified yet. */
export const userRegistered = defineEvent("user.registered", Strict({ user_id: Id }));

/** Somebody has another name; what it is now, the account says. */
export const userRenamed = defineEvent("user.renamed", Strict({ user_id: Id }));

/** Somebody forgot a password. Without a `user_id` nobody has the address that was given, or it is asked for too often. */
export const passwordResetRequested = defineEvent("password_reset.requested", Strict({ user_id: Nullable(Id) }));
