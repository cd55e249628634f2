import { unknownPath, wrongMethod } from "./errors.ts";
import type { Problem } from "./problem.ts";
import type { App } from "./app.ts";

/**
 * 404 for unknown paths, 405 with `Allow` (RFC 9110, 15.5.6) for known ones with another method, which the router
 * can't tell apart. The refusal comes before the body is read: nobody's upload is taken for a path that is not there.
 */
export function installMethodTable(app: App): void {
  const patterns = new Map<string, string[]>();
  let table: [method: string, paths: RegExp][] = [];
  app.addHook("onRoute", (route) => {
    for (const method of [route.method].flat()) {
      patterns.set(method, [...(patterns.get(method) ?? []), patternOf(route.url)]);
    }
  });
  app.addHook("onReady", async () => {
    table = [...patterns].map(([method, urls]) => [method, new RegExp(`^(?:${urls.join("|")})$`)]);
  });

  function refusal(url: string): Problem {
    const path = url.split("?", 1)[0] ?? "";
    const allowed = table.filter(([, paths]) => paths.test(path)).map(([method]) => method);
    return allowed.length === 0 ? unknownPath() : wrongMethod({ headers: { allow: allowed.toSorted().join(", ") } });
  }
  app.addHook("onRequest", (request, _reply, done) => done(request.is404 ? refusal(request.url) : undefined));
  app.setNotFoundHandler((request) => {
    throw refusal(request.url);
  });
}

// Parameters match up to the next slash, a star the rest; the dots of "openapi.json" are plain dots.
function patternOf(url: string): string {
  return url
    .replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/:[^/]+/g, "[^/]+")
    .replaceAll("*", ".*");
}
