/** Whether it is among those that are tried first. */
export function isCommonPassword(password: string): boolean {
  return password.toLowerCase() === "password";
}
