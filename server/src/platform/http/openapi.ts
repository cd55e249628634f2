import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { Config } from "#src/config.ts";
import type { App } from "./server.ts";

/** Documentation made from the routes: `/openapi.json` and Swagger UI at `/docs`. */
export async function installOpenApi(app: App, config: Pick<Config, "publicUrl">): Promise<void> {
  await app.register(swagger, {
    openapi: { openapi: "3.1.0", info: { title: "Shopfloor", version: "1.0.0" }, servers: [{ url: config.publicUrl }] },
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { config: { access: "anyone" }, schema: { hide: true } }, async () => app.swagger());
}
