import { test } from "vitest";
import { ENGINES, startSearchShop, wanting } from "#test/search-engine.ts";
import { searchContract } from "./search.contract.ts";

for (const { name, service, url } of ENGINES) {
  if (url !== undefined) searchContract("elasticsearch", () => startSearchShop(url), name);
  // oxlint-disable-next-line vitest/no-disabled-tests, vitest/no-conditional-tests -- one line for all says what is missing
  else test.skip(`search with ${name}: ${wanting(service)}`, () => undefined);
}
