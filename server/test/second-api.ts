import { buildApi } from "#src/app.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import type { TestApp } from "./app.ts";

type Answer = { statusCode: number; headers: Record<string, unknown>; body: Record<string, unknown> };

/** Another API on the database of the first, with all that a process has for itself: pool, caches, connections. */
export async function startSecondApi(shop: TestApp) {
  const { app, context, close } = await buildApi(shop.config, createLog({ logLevel: "silent", process: "second" }));
  const send = async (method: "GET" | "PATCH", url: string, options: { token?: string; body?: object } = {}) => {
    const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
    const payload = options.body === undefined ? {} : { payload: options.body };
    const response = await app.inject({ method, url, headers, ...payload });
    const answer: Answer = { statusCode: response.statusCode, headers: response.headers, body: response.json() };
    return answer;
  };
  return {
    context,
    get: (url: string) => send("GET", url),
    patch: (url: string, body: object, token: string) => send("PATCH", url, { token, body }),
    [Symbol.asyncDispose]: close,
  };
}
