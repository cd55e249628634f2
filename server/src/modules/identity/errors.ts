import { problem } from "#src/platform/http/problem.ts";

export const emailTaken = problem("user.email_taken", 409, "There is already an account with this e-mail address");
export const passwordRefused = problem("user.password_refused", 422, "This password can't be used");
export const emailRefused = problem("user.email_refused", 422, "This address can't be used");
export const tokenInvalid = problem("auth.token_invalid", 422, "This token is unknown, too old or used");
export const wrongPassword = problem("auth.wrong_password", 422, "The current password is another one");
export const alreadyVerified = problem("user.email_verified", 409, "This address is verified already");
export const badCredentials = problem("auth.bad_credentials", 401, "The e-mail address or the password is wrong");
export const refreshRefused = problem("auth.refresh_refused", 401, "The refresh token is not good any more: log in");
export const sessionNotFound = problem("session.not_found", 404, "You have no such session");
export const userNotFound = problem("user.not_found", 404, "There is no such account");
export const lastAdmin = problem("user.last_admin", 409, "Nobody else is an admin: give the role to somebody first");
