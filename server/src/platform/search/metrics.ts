import { Counter, type Registry } from "prom-client";
import type { Engine } from "./engine.ts";

/** `searches_answered_total` by who answered; growing `fallback` ones mean that people get degraded answers. */
export function registerSearchMetrics(registry: Registry, { counts }: Engine): void {
  new Counter({
    name: "searches_answered_total",
    help: "Searches, corrections and suggestions, by whether the search engine or PostgreSQL in its place answered",
    labelNames: ["by"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [by, count] of Object.entries(counts)) this.inc({ by }, count);
    },
  });
}
