import type { DemoLogin } from "../../seeds/demo.ts";

const MIN_WIDTH = 78;
const LABEL_WIDTH = 12;

export type BoxFacts = {
  url: string;
  workerUrl: string;
  data: string;
  database: string;
  seconds: string;
  logins: DemoLogin[];
  logs: string;
};

/** What a person wants to know when the shop is up. Without a frame at the sides, so that lines can be copied. */
export function drawBox(facts: BoxFacts): string {
  const rows: [string, string][] = [
    ["API docs", `${facts.url}/docs`],
    ["Metrics", `${facts.url}/metrics   worker: ${facts.workerUrl}/metrics`],
    ["Mails", `${facts.url}/api/v1/operations/mails   (for the staff)`],
    ["Database", facts.database],
    ["Data", facts.data],
    ["Logs", facts.logs],
    ...loginRows(facts.logins),
  ];
  const lines = rows.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}${text}`);
  const rule = "─".repeat(Math.max(MIN_WIDTH, ...lines.map((line) => line.length + 2)));
  const title = `  Shopfloor is up (${facts.seconds} s). Ctrl-C stops it.`;
  const customer = facts.logins.find(({ role }) => role === "customer");
  const tries = customer === undefined ? plainLines(facts.url) : demoLines(facts.url, customer);
  return ["", rule, title, "", ...lines, "", "  Three lines to try, in any shell:", ...tries, rule, ""].join("\n");
}

function loginRows(logins: DemoLogin[]): [string, string][] {
  return logins.map(({ email, password, role }, index) => [
    index === 0 ? "Log in as" : "",
    `${email.padEnd(26)} ${password.padEnd(20)} (${role})`,
  ]);
}

/** Log in, order, and look: the worker has reserved it by then. */
function demoLines(url: string, { email, password }: DemoLogin): string[] {
  const token = `sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p'`;
  const id = `sed -n 's/^{"id":\\([0-9]*\\).*/\\1/p'`;
  const order = `'{"items":[{"product_id":1,"quantity":1}]}'`;
  return [
    `TOKEN=$(curl -s ${url}/api/v1/auth/login/access-token -d username=${email} -d password=${password} | ${token})`,
    `ORDER=$(curl -s ${url}/api/v2/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d ${order} | ${id})`,
    `curl -s ${url}/api/v2/orders/$ORDER -H "Authorization: Bearer $TOKEN"`,
  ];
}

/** Without demo accounts: make one of one's own, log in, and see who one is. */
function plainLines(url: string): string[] {
  const json = "-H 'Content-Type: application/json'";
  const you = { email: "you@shop.example", password: "a-long-password-of-yours", full_name: "You" };
  const token = `sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p'`;
  return [
    `curl -s ${url}/api/v1/users/register ${json} -d '${JSON.stringify(you)}'`,
    `TOKEN=$(curl -s ${url}/api/v1/auth/login/access-token -d username=${you.email} -d password=${you.password} | ${token})`,
    `curl -s ${url}/api/v2/products -H "Authorization: Bearer $TOKEN"`,
  ];
}
