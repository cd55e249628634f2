import { expect, test } from "vitest";
import { type Edge, startEdge } from "#test/edge.ts";
import { problem } from "./problem.ts";

type Operation = {
  operationId: string;
  tags: string[];
  security: unknown[];
  parameters: { in: string; name: string; required?: boolean }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { description: string; content?: Record<string, { schema: { $ref?: string } }> }>;
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, object>;
};

async function read(edge: Edge): Promise<Document> {
  return (await edge.app.inject({ url: "/openapi.json" })).json<Document>();
}

const allGone = problem("kettle.all_gone", 409, "All kettles are gone");

test("each operation has a name of its own, a group, who may use it and the problems it can answer with", async () => {
  await using edge = await startEdge({}, (app) => {
    const config = { permission: "product.manage", idempotent: true, problems: [allGone] } as const;
    app.post("/api/v2/kettles", { config }, async (_request, reply) => reply.send({}));
  });
  const document = await read(edge);
  expect(document.openapi).toBe("3.1.0");
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const names = operations.map(({ operationId }) => operationId);
  expect(names).toContain("putThingsById");
  expect(new Set(names).size).toBe(names.length);
  const kettles = document.paths["/api/v2/kettles"]?.["post"];
  expect(kettles).toMatchObject({ tags: ["kettles"], security: [{ bearer: [] }, { password: [] }] });
  expect(Object.keys(kettles?.responses ?? {})).toEqual([
    "204",
    "400",
    "401",
    "403",
    "408",
    "409",
    "414",
    "422",
    "429",
    "431",
    "500",
    "503",
  ]);
  expect(kettles?.responses["409"]?.description).toContain("kettle.all_gone");
  expect(kettles?.responses["409"]?.content).toEqual({
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  });
  expect(kettles?.parameters.map(({ name }) => name)).toEqual(["Idempotency-Key", "X-Correlation-ID"]);
  expect(document.paths["/api/v1/things"]?.["get"]?.security).toEqual([]);
});

test("the document refers to nothing that is not in it, and knows the form of the OAuth 2 login", async () => {
  await using edge = await startEdge();
  const document = await read(edge);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
  expect(references.length).toBeGreaterThan(0);
  for (const [, name] of references) expect(document.components["schemas"]).toHaveProperty(name ?? "");
  const form = document.paths["/form"]?.["post"]?.requestBody?.content ?? {};
  expect(Object.keys(form)).toContain("application/x-www-form-urlencoded");
  expect(document.components["securitySchemes"]).toHaveProperty(
    ["password", "flows", "password", "tokenUrl"],
    "/api/v1/auth/login/access-token",
  );
});

test("the page of the documentation loads only what comes from here", async () => {
  await using edge = await startEdge();
  const page = await edge.app.inject({ url: "/docs" });
  expect((await edge.app.inject({ url: "/docs/" })).statusCode).toBe(page.statusCode);
  const entry = page.statusCode === 302 ? await edge.app.inject({ url: String(page.headers["location"]) }) : page;
  expect(entry.statusCode).toBe(200);
  const sources = [...entry.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? "");
  expect(sources.length).toBeGreaterThan(2);
  for (const source of sources) {
    const { pathname, host } = new URL(source, "http://here/docs");
    expect(host).toBe("here");
    const loaded = await edge.app.inject({ url: pathname.startsWith("/docs") ? pathname : `/docs${pathname}` });
    expect([source, loaded.statusCode]).toEqual([source, 200]);
  }
  expect(entry.body).not.toMatch(/<script>[^<]/);
  expect(entry.headers["content-security-policy"]).toContain("script-src 'self';");
});

test("the type of a problem leads to a page about it", async () => {
  await using edge = await startEdge();
  const refused = await edge.app.inject({ url: "/staff" });
  const { pathname } = new URL(refused.json<{ type: string }>().type);
  const page = await edge.app.inject({ url: pathname });
  expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(page.body).toContain("This needs a valid access token");
  expect((await edge.app.inject({ url: "/docs/errors" })).body).toContain('href="/docs/errors/auth.required"');
  expect((await edge.app.inject({ url: "/docs/errors/no.such" })).statusCode).toBe(404);
  expect((await edge.app.inject({ url: "/docs/errors/<script>" })).body).not.toContain("<script>");
});
