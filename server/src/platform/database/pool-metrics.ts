import type pg from "pg";
import { Gauge, type Registry } from "prom-client";

/** How the pool stands when somebody scrapes: waiting requests mean that it is too small, or the database too slow. */
export function registerPoolGauges(registry: Registry, pool: pg.Pool): void {
  new Gauge({
    name: "database_pool_connections",
    help: "Connections of the pool by state, and requests that wait for one",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      this.set({ state: "idle" }, pool.idleCount);
      this.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      this.set({ state: "waiting" }, pool.waitingCount);
    },
  });
}
