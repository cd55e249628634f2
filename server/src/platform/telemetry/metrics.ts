import { collectDefaultMetrics, Registry } from "prom-client";
import { createHttpMetrics, type RequestRecorder } from "./http-metrics.ts";

export type Metrics = {
  /** Whoever has something to show registers it here; gauges with a `collect` are read when somebody scrapes. */
  registry: Registry;
  /**
   * Prepares the series of one route; the result counts one request.
   * @param route the template (`/api/v1/items/:id`), never a path: each value is a series of its own
   */
  recorderOf(method: string, route: string): RequestRecorder;
};

/** The numbers of one process: its memory, event loop and garbage collection, and the requests that it answered. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { registry, recorderOf: createHttpMetrics(registry) };
}
