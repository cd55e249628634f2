import { problem } from "#src/platform/http/problem.ts";

export const emailTaken = problem("user.email_taken", 409, "There is already an account with this e-mail address");
export const badCredentials = problem("auth.bad_credentials", 401, "The e-mail address or the password is wrong");
