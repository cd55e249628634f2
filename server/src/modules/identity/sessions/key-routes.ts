import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { KEY_SET_MAX_AGE_SECONDS } from "#src/platform/security/tokens.ts";
import { KeySet } from "#src/modules/identity/schemas.ts";

export async function keyRoutes(app: App, context: Context): Promise<void> {
  app.get(
    "/.well-known/jwks.json",
    {
      config: { permission: "service.read" },
      schema: { summary: "Read the public keys that verify access tokens (RFC 7517)", response: { 200: KeySet } },
    },
    async (_request, reply) => {
      return reply.header("cache-control", `public, max-age=${KEY_SET_MAX_AGE_SECONDS}`).send(context.tokens.jwks);
    },
  );
}
