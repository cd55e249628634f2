import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { mailsTo, tokenIn } from "#test/mails.ts";
import { PASSWORD } from "#test/operations.ts";

const NEW_PASSWORD = "a kettle full of tea";

async function logInStatus(shop: TestApp, email: string, password: string): Promise<number> {
  return (await shop.anonymous.post("/api/v1/users/login", { email, password })).statusCode;
}

test("who knows the password changes it, and the other devices are out", async () => {
  await using shop = await startApp();
  const ann = await shop.signUp();
  const { body } = await shop.anonymous.post("/api/v1/users/login", { email: ann.email, password: PASSWORD });
  const other = { authorization: `Bearer ${String(body["access_token"])}` };
  const change = { current_password: PASSWORD, new_password: NEW_PASSWORD };
  expect((await ann.post("/api/v1/users/me/password", change)).statusCode).toBe(204);
  expect((await shop.anonymous.get("/api/v1/users/me", undefined, other)).statusCode).toBe(401);
  expect((await ann.get("/api/v1/users/me")).statusCode).toBe(200);
  expect(await logInStatus(shop, ann.email, PASSWORD)).toBe(401);
  expect(await logInStatus(shop, ann.email, NEW_PASSWORD)).toBe(200);
  expect(await mailsTo(shop, ann.email, "password_changed")).toHaveLength(1);
  const audited = shop.db.selectFrom("audit_log").select("user_id").where("action", "=", "password.changed");
  expect(await audited.execute()).toEqual([{ user_id: ann.id }]);
});

test("a change of the password voids a reset that is on its way", async () => {
  await using shop = await startApp();
  const ann = await shop.signUp();
  await shop.anonymous.post("/api/v1/auth/password-reset", { email: ann.email });
  const token = tokenIn((await mailsTo(shop, ann.email))[0]);
  await ann.post("/api/v1/users/me/password", { current_password: PASSWORD, new_password: NEW_PASSWORD });
  const use = { token, new_password: "another good password" };
  const used = await shop.anonymous.post("/api/v1/auth/password-reset/confirm", use);
  expect(used.body["code"]).toBe("auth.token_invalid");
});

test("the sixth wrong guess at the current password has to wait, and so has the right one", async () => {
  await using shop = await startApp();
  const ann = await shop.signUp();
  const change = (current_password: string) =>
    ann.post("/api/v1/users/me/password", { current_password, new_password: NEW_PASSWORD });
  for (let guess = 0; guess < 5; guess += 1) {
    expect((await change(`guess number ${guess}`)).body["code"]).toBe("auth.wrong_password");
  }
  const throttled = await change(PASSWORD);
  expect(throttled.statusCode).toBe(429);
  expect(Number(throttled.headers["retry-after"])).toBeGreaterThan(0);
  expect(await logInStatus(shop, ann.email, PASSWORD)).toBe(200);
});

test("a common password is refused for a new one, and nothing changes", async () => {
  await using shop = await startApp();
  const ann = await shop.signUp();
  const change = { current_password: PASSWORD, new_password: "password" };
  const refused = await ann.post("/api/v1/users/me/password", change);
  expect(refused).toMatchObject({ statusCode: 422, body: { errors: [{ path: "new_password" }] } });
  expect(await logInStatus(shop, ann.email, PASSWORD)).toBe(200);
});

test("of two changes of one password at the same time, one wins", async () => {
  await using shop = await startApp();
  const ann = await shop.signUp();
  const change = (new_password: string) =>
    ann.post("/api/v1/users/me/password", { current_password: PASSWORD, new_password });
  const answers = await Promise.all([change("the first of the two"), change("the second of the two")]);
  expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([204, 422]);
});
