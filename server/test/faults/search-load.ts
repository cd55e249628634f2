import { setTimeout } from "node:timers/promises";
import type { Client, TestApp } from "#test/app.ts";
import { seeded } from "./random.ts";

const SEARCHERS = 2;
// The engine under test starts again on the same cores.
const PAUSE_MS = 25;

/** Puts a kettle with one piece on the shelf. @returns its id */
export async function putProduct(staff: Client, n: number): Promise<number> {
  const product = { name: `Kettle number ${n}`, price_cents: 1_000 + n, stock: 1 };
  return Number((await staff.post("/api/v2/products", product)).body["id"]);
}

/** Searches and changes a shop until it is stopped; what is not answered as it should be is a failure. */
export function startLoad(shop: TestApp, staff: Client, products: number[]) {
  let stopped = false;
  let writes = 0;
  const random = seeded(1);
  const failures: unknown[] = [];
  const answered: Record<string, number[]> = { elasticsearch: [], postgres: [] };
  const judge = (what: string, { statusCode, body }: { statusCode: number; body: unknown }, expected: number) => {
    if (statusCode !== expected) failures.push({ what, statusCode, body });
  };
  const search = async () => {
    const startedAt = performance.now();
    const answer = await shop.anonymous.get("/api/v1/search/items?q=kettle&in_stock=true");
    judge("search", answer, 200);
    answered[String(answer.body["engine"])]?.push(performance.now() - startedAt);
    await setTimeout(PAUSE_MS);
  };
  const write = async () => {
    const id = products[Math.floor(random() * products.length)] ?? 0;
    judge("change", await staff.patch(`/api/v2/products/${id}`, { price_cents: 1_000 + writes }), 200);
    const delta = writes % 2 === 0 ? 1 : -1;
    judge("adjust", await staff.post(`/api/v2/products/${products[0] ?? 0}/stock`, { delta, reason: "count" }), 201);
    writes += 1;
    await setTimeout(PAUSE_MS);
  };
  const repeat = async (act: () => Promise<void>) => {
    while (!stopped) await act();
  };
  const all = Promise.all([...Array.from({ length: SEARCHERS }, () => repeat(search)), repeat(write)]);
  const stop = async () => {
    stopped = true;
    await all;
  };
  return {
    failures,
    answers: (engine: "elasticsearch" | "postgres") => answered[engine] ?? [],
    writes: () => writes,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
