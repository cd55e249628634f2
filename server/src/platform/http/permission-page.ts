import type { RouteOptions } from "fastify";
import { describeRule, type Permission, PERMISSIONS, ROLES, type Rule } from "#src/permissions.ts";
import type { App } from "./app.ts";
import { escaped, sendPage } from "./page.ts";

/** Where it is written who may do what. */
export const PERMISSION_PAGE = "/docs/permissions";

const WORDS = `<p>Who asks for what they may not do is told 401 without a valid access token, and 403 with one; 404 where
even the existence of a thing is a secret. <a href="/docs">All operations</a></p>`;
const PERMITTED = "yes";

/** The table of permissions with the operations under each, from `permissions.ts` and the routes. */
export function permissionPage(app: App): void {
  const operations = new Map<Permission, string[]>();
  app.addHook("onRoute", (route) => {
    const permission = route.config?.permission;
    if (permission === undefined || route.schema?.hide === true || route.method === "HEAD") return;
    operations.set(permission, [...(operations.get(permission) ?? []), nameOf(route)]);
  });
  app.get(
    PERMISSION_PAGE,
    { config: { permission: "service.read" }, schema: { hide: true } },
    async (_request, reply) => sendPage(reply, "Who may do what", WORDS + tableOf(operations)),
  );
}

function nameOf({ method, url }: RouteOptions): string {
  return `${String(method)} ${url.replaceAll(/:(\w+)/g, "{$1}")}`;
}

function tableOf(operations: Map<Permission, string[]>): string {
  const titles = ["Permission", "Nobody signed in", ...ROLES, "Whose it is", "Operations"];
  const head = titles.map((title) => `<th scope="col">${title}</th>`).join("");
  const permissions = Object.keys(PERMISSIONS) as Permission[];
  const rows = permissions.map((permission) => rowOf(permission, operations.get(permission) ?? []));
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join("\n")}</tbody></table>`;
}

function rowOf(permission: Permission, operations: string[]): string {
  const rule: Rule = PERMISSIONS[permission];
  const isForAnyone = rule.roles === "anyone";
  const marks = [isForAnyone, ...ROLES.map((role) => rule.roles === "anyone" || rule.roles.includes(role))];
  const cells = [...marks, isForAnyone || rule.owner === true].map((isPermitted) => (isPermitted ? PERMITTED : ""));
  const listed = operations.map((name) => `<code>${escaped(name)}</code>`).join("<br>") || "asked within others";
  const name = `<th scope="row" id="${permission}"><code>${permission}</code><br>${describeRule(permission)}</th>`;
  return `<tr>${name}${[...cells, listed].map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}
