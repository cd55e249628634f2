import { type DataTable, Then, When } from "@cucumber/cucumber";
import { send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, fieldOf, headerOf, misread, nameOf, textOf } from "../src/http/reading.ts";
import { expectSuccess } from "../src/http/refusal.ts";
import type { Shop } from "./world.ts";

When("a visitor asks whether the server is alive", async function (this: Shop) {
  this.answer = await send(this, undefined, "GET /api/v1/health");
});

When("a visitor asks whether the server is ready", async function (this: Shop) {
  this.answer = await send(this, undefined, "GET /api/v1/health/ready");
});

Then("the answer is yes", function (this: Shop) {
  expectSuccess(this.answer, 200, "yes");
});

Then("it says how each thing it depends on is doing", function (this: Shop) {
  const body = bodyOf(this.answer);
  const status = fieldOf(body, "status");
  if (!["ready", "degraded"].includes(textOf(body, "status"))) throw misread(status, "to be ready or degraded");
  const checks = fieldOf(body, "checks");
  const { value } = checks;
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) {
    throw misread(checks, "to name at least one check");
  }
});

When("a visitor opens the documentation", async function (this: Shop) {
  this.answer = await send(this, undefined, "GET /docs", { headers: { accept: "text/html" } });
});

Then("it is a page that a browser can show", function (this: Shop) {
  expectSuccess(this.answer, 200, "here is the page");
  const type = headerOf(this.answer, "content-type");
  if (!type.startsWith("text/html")) throw fault(this.answer, `GET /docs answered "${type}" and not a page`);
});

When("a visitor fetches the description for machines", async function (this: Shop) {
  this.answer = await send(this, undefined, "GET /openapi.json");
});

/** The operations that the seed documents name, in the words of the features. */
const operations: Record<string, [method: string, path: string]> = {
  "ask whether the server is alive": ["get", "/api/v1/health"],
  "ask whether the server is ready": ["get", "/api/v1/health/ready"],
  register: ["post", "/api/v1/users/register"],
  "log in": ["post", "/api/v1/users/login"],
  "log in by the OAuth2 form": ["post", "/api/v1/auth/login/access-token"],
  "list items": ["get", "/api/v1/items"],
  "read an item": ["get", "/api/v1/items/{id}"],
  "put up an item": ["post", "/api/v1/items"],
  "replace an item": ["put", "/api/v1/items/{id}"],
  "take down an item": ["delete", "/api/v1/items/{id}"],
  "place an order": ["post", "/api/v2/orders"],
};

Then("it describes how to do each of these:", function (this: Shop, table: DataTable) {
  expectSuccess(this.answer, 200, "here is the description");
  const body = bodyOf(this.answer);
  const version = fieldOf(body, "openapi");
  if (!textOf(body, "openapi").startsWith("3.")) throw misread(version, "to be a version 3 of OpenAPI");
  const { value } = fieldOf(body, "paths");
  const described = new Set(Object.entries(value ?? {}).flatMap(([path, methods]) => operationsOf(path, methods)));
  const missing = table
    .raw()
    .flat()
    .filter((words) => !described.has(operations[words]?.join(" ") ?? words));
  if (missing.length > 0) throw fault(this.answer, `The description does not say how to ${missing.join(", or ")}`);
});

function operationsOf(path: string, methods: unknown): string[] {
  // The name of a path's variable is the server's own choice.
  const plain = path.replace(/\{[^}]+\}/g, "{id}");
  return typeof methods === "object" && methods !== null ? Object.keys(methods).map((name) => `${name} ${plain}`) : [];
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

When("the monitoring scrapes the metrics", async function (this: Shop) {
  const { metricsToken, target } = this.parameters;
  // The contract gives metrics to this machine or to a token, so from afar and without one there is nothing to see.
  if (metricsToken === "" && !LOOPBACK.test(new URL(target).hostname)) return "skipped";
  const scraper = metricsToken === "" ? undefined : { name: "Metrics", token: metricsToken };
  this.answer = await send(this, scraper, "GET /metrics", { headers: { accept: "text/plain" } });
  return undefined;
});

Then("they are in the text format of Prometheus", function (this: Shop) {
  expectSuccess(this.answer, 200, "here are the metrics");
  const { text } = this.answer.answer;
  if (!/^# TYPE [a-zA-Z_:][\w:]* (counter|gauge|histogram|summary|untyped|unknown)$/m.test(text)) {
    throw fault(this.answer, `${nameOf(this.answer)} answered no metric with a type`);
  }
});

When(
  /^a visitor asks whether the server is alive under (?:the name "([^"]*)"|(a name of 65 letters|a name with spaces and signs))$/,
  async function (this: Shop, name: string | null, kind: string | null) {
    const given = name ?? (kind === "a name of 65 letters" ? "n".repeat(65) : 'two words {"and": <signs>}');
    this.answer = await send(this, undefined, "GET /api/v1/health", { headers: { "x-correlation-id": given } });
  },
);

Then("the answer carries the name {string}", function (this: Shop, name: string) {
  const given = headerOf(this.answer, "x-correlation-id");
  if (given !== name) throw fault(this.answer, `${nameOf(this.answer)} came back under "${given}", not "${name}"`);
});

Then("the answer carries a name of its own", function (this: Shop) {
  const given = headerOf(this.answer, "x-correlation-id");
  const mine = this.answer.sent.headers["x-correlation-id"];
  if (given === mine || !/^[A-Za-z0-9._-]{1,64}$/.test(given)) {
    throw fault(this.answer, `${nameOf(this.answer)} came back under "${given}"`);
  }
});
