import { Counter, type Registry } from "prom-client";
import type { Cache } from "./cache.ts";

/** `cache_reads_total` by how they were answered; many `bypassed` ones mean that the cache can't be trusted now. */
export function registerCacheMetrics(registry: Registry, cache: Cache): void {
  new Counter({
    name: "cache_reads_total",
    help: "Readings through the cache, by how they were answered",
    labelNames: ["outcome"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(cache.counts)) this.inc({ outcome }, count);
    },
  });
}
