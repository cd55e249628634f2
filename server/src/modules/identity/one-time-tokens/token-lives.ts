/** A link to choose a new password; OWASP asks for as short a time as mails allow. */
export const PASSWORD_RESET_MINUTES = 30;
/** A link that verifies an address. */
export const VERIFICATION_HOURS = 24;
