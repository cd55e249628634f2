import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { describeOperation, PROBLEM_SCHEMA } from "./operation.ts";
import { ProblemBody } from "./schemas.ts";
import type { App } from "./app.ts";

const TOKEN_PATH = "/api/v1/auth/login/access-token";
// Everything comes from here; styles may be inline, because Swagger UI sets them on its elements.
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Documentation made from the routes: `/openapi.json` (OpenAPI 3.1) and Swagger UI at `/docs`. */
export async function installOpenApi(app: App): Promise<void> {
  app.addSchema({ ...ProblemBody, $id: PROBLEM_SCHEMA });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Shopfloor",
        version: "1.0.0",
        description:
          "The backend for a shop. Errors are problems (RFC 9457); each `code` has a page under /docs/errors. Who may do what stands in the table at /docs/permissions and as `x-permission` at each operation.",
      },
      // Relative, so that "Try it out" speaks to the host that showed the page, whatever its name is.
      servers: [{ url: "/" }],
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
          refresh_cookie: { type: "apiKey", in: "cookie", name: "__Host-rt", description: "set by the login" },
          password: { type: "oauth2", flows: { password: { tokenUrl: TOKEN_PATH, scopes: {} } } },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ schema: describeOperation(schema, route), url }),
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) =>
        typeof json["$id"] === "string" ? json["$id"] : `Schema${index}`,
    },
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: DOCS_POLICY,
    theme: { title: "Shopfloor API" },
    uiConfig: { deepLinking: true, displayRequestDuration: true, docExpansion: "list", validatorUrl: null },
  });
  const schema = { hide: true };
  app.get("/openapi.json", { config: { permission: "service.read" }, schema }, async () => app.swagger());
}
