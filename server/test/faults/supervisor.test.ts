import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { findFreePort } from "#src/platform/postgres/postmaster.ts";
import { findRunningPostgres } from "#src/platform/postgres/embedded.ts";
import { createDataDir, startShop } from "#test/shop-process.ts";
import { until } from "#test/until.ts";
import { ask } from "./people.ts";

const KILLS = Number(process.env["SUPERVISOR_KILLS"] ?? 3);
const ORDERS = 20;
const TEST_MS = 30_000;
const LOGIN = { email: "staff@shopfloor.example", password: "shopfloor-staff" };

test(
  `the supervisor is killed ${KILLS} times under load: its successor finds every order that was acknowledged`,
  { timeout: TEST_MS + KILLS * TEST_MS },
  async () => {
    await using data = await createDataDir();
    const env = { DATA_DIR: data.path, PORT: String(await findFreePort(0)), LEASE_MS: "1000", DEMO: "1" };
    const acknowledged: number[] = [];
    for (let turn = 0; turn < KILLS; turn += 1) {
      await using shop = await startShop(env);
      const login = await ask(`${shop.url}/api/v1/users/login`, { method: "POST", body: LOGIN });
      const token = String(login.body["access_token"]);
      let answered = 0;
      const order = async () => {
        const body = { items: [{ product_id: 1, quantity: 1 }] };
        const answer = await ask(`${shop.url}/api/v2/orders`, { method: "POST", token, body });
        if (answer.status === 202) acknowledged.push(Number(answer.body["id"]));
        answered += 1;
        if (answered === ORDERS / 2) shop.signal("SIGKILL");
      };
      await Promise.allSettled(Array.from({ length: ORDERS }, order));
      await shop.ended;
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual((KILLS * ORDERS) / 2);
    await using shop = await startShop(env);
    const login = await ask(`${shop.url}/api/v1/users/login`, { method: "POST", body: LOGIN });
    const token = String(login.body["access_token"]);
    const statuses = async () => {
      const answers = await Promise.all(acknowledged.map((id) => ask(`${shop.url}/api/v2/orders/${id}`, { token })));
      return answers.map((answer) => answer.body["status"]);
    };
    await until(
      async () => (await statuses()).every((status) => ["reserved", "rejected"].includes(String(status))),
      statuses,
    );
    const database = await findRunningPostgres(data.path);
    const findings = await verifyDatabase(database?.url ?? "");
    expect(findings.filter((finding) => finding.offending.length > 0)).toEqual([]);
  },
);
