import type { FastifyRequest, onRequestHookHandler } from "fastify";
import { crossSite } from "./errors.ts";

/**
 * What a browser says of a request that our own pages make, or its user by hand. `same-site` is not among them: other
 * names and ports of the same site may belong to others, or be broken into more easily.
 * Source: Fetch Metadata Request Headers (W3C), 2.4.
 */
const OWN = ["same-origin", "none"];

/**
 * A hook for routes that act by a cookie: refuses what a browser sends for somebody else's page. The cookie's SameSite
 * keeps it back already; this holds when a browser does not. `Sec-Fetch-Site` counts first, because no page can forge it;
 * where it is missing (plain http, old browsers), `Origin` must be ours: that of PUBLIC_URL, or of the host that the
 * request was sent to. Without either it is no browser, and nobody's cookie is borrowed.
 * @throws crossSite (403)
 */
export function refuseCrossSite(publicUrl: string): onRequestHookHandler {
  const known = new URL(publicUrl);
  return (request, _reply, done) => {
    done(isForeign(request, known) ? crossSite() : undefined);
  };
}

function isForeign({ headers, host }: FastifyRequest, known: URL): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return typeof site !== "string" || !OWN.includes(site.toLowerCase());
  const { origin } = headers;
  if (origin === undefined || origin === known.origin) return false;
  if (!URL.canParse(origin)) return true;
  const { protocol, host: theirs } = new URL(origin);
  const asked = `${protocol}//${host}`;
  // Of the host that we know, the scheme is known too: whoever can change a page that comes by http is not us.
  return theirs === known.host || !URL.canParse(asked) || new URL(asked).host !== theirs;
}
