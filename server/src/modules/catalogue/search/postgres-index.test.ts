import { startApp } from "#test/app.ts";
import { searchContract } from "./search.contract.ts";

searchContract("postgres", async () => {
  const shop = await startApp();
  return { shop, settled: shop.drained, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() };
});
