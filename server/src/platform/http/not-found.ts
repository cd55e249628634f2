import { unknownPath, wrongMethod } from "./errors.ts";
import type { Problem } from "./problem.ts";
import type { App } from "./app.ts";

const PATTERN = /[:*]/;

/**
 * 404 for unknown paths, 405 with `Allow` (RFC 9110, 15.5.6) for known ones with another method, which the router
 * can't tell apart. The refusal comes before the body is read: nobody's upload is taken for a path that is not there.
 */
export function installMethodTable(app: App): void {
  const patterns = new Map<string, string[]>();
  const plain = new Map<string, Set<string>>();
  let table: [method: string, paths: RegExp][] = [];
  app.addHook("onRoute", (route) => {
    for (const method of [route.method].flat()) {
      patterns.set(method, [...(patterns.get(method) ?? []), patternOf(route.url)]);
      if (!PATTERN.test(route.url)) plain.set(route.url, (plain.get(route.url) ?? new Set()).add(method));
    }
  });
  app.addHook("onReady", async () => {
    table = [...patterns].map(([method, urls]) => [method, new RegExp(`^(?:${urls.join("|")})$`)]);
  });

  // A path that is written out is that path, with whatever method: "register" in /users/register is nobody's id.
  function methodsOf(path: string): string[] {
    return [...(plain.get(path) ?? table.filter(([, paths]) => paths.test(path)).map(([method]) => method))];
  }

  function refusal(path: string): Problem {
    const allowed = methodsOf(path);
    return allowed.length === 0 ? unknownPath() : wrongMethod({ headers: { allow: allowed.toSorted().join(", ") } });
  }

  // Only a pattern can take what is written out elsewhere; `/docs` and `/docs/` are one route under two names.
  function isShadowed(route: string | undefined, path: string): boolean {
    return route !== undefined && route !== path && PATTERN.test(route) && plain.has(path);
  }

  app.addHook("onRequest", (request, _reply, done) => {
    const path = pathOf(request.url);
    done(request.is404 || isShadowed(request.routeOptions.url, path) ? refusal(path) : undefined);
  });
  app.setNotFoundHandler((request) => {
    throw refusal(pathOf(request.url));
  });
}

function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}

// Parameters match up to the next slash, a star the rest; the dots of "openapi.json" are plain dots.
function patternOf(url: string): string {
  return url
    .replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/:[^/]+/g, "[^/]+")
    .replaceAll("*", ".*");
}
