import { test } from "vitest";
import { ENGINES, startSearchShop, wanting } from "#test/search-engine.ts";
import { searchContract } from "./search.contract.ts";

for (const { name, url = "" } of ENGINES.filter((engine) => engine.url !== undefined)) {
  searchContract("elasticsearch", () => startSearchShop(url), name);
}
for (const { name, service } of ENGINES.filter((engine) => engine.url === undefined)) {
  // oxlint-disable-next-line vitest/no-disabled-tests -- one line in place of the contract's says what is missing
  test.skip(`search with ${name}: ${wanting(service)}`, () => undefined);
}
