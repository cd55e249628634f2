import { Counter, type Histogram, type Registry } from "prom-client";

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DURATIONS = "http_request_duration_seconds";

/** Counts one request with its status and its duration in seconds. */
export type RequestRecorder = (status: number, seconds: number) => void;

type Labels = { method: string; route: string; status: string };
type Series = { labels: Labels; count: number; sum: number; buckets: number[] };

/**
 * `http_requests_total` and `http_request_duration_seconds` by method, route and status.
 * Counted in plain arrays and put into words at the scrape: the library's histogram looks its series up by name for
 * each observation, which costs more than answering a small request from a cache.
 */
export function createHttpMetrics(registry: Registry): (method: string, route: string) => RequestRecorder {
  const series: Series[] = [];
  registerTotals(registry, series);
  registerDurations(registry, series);
  return (method, route) => {
    const byStatus: (Series | undefined)[] = [];
    return (status, seconds) => {
      let one = byStatus[status];
      if (one === undefined) {
        one = {
          labels: { method, route, status: String(status) },
          count: 0,
          sum: 0,
          buckets: BUCKETS_SECONDS.map(() => 0),
        };
        byStatus[status] = one;
        series.push(one);
      }
      one.count += 1;
      one.sum += seconds;
      const bucket = bucketOf(seconds);
      if (bucket !== -1) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1;
    };
  };
}

function bucketOf(seconds: number): number {
  return BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
}

function registerTotals(registry: Registry, series: Series[]): void {
  new Counter({
    name: "http_requests_total",
    help: "Requests answered, by method, route template and status",
    labelNames: ["method", "route", "status"],
    registers: [registry],
    collect() {
      this.reset();
      for (const one of series) this.inc(one.labels, one.count);
    },
  });
}

function registerDurations(registry: Registry, series: Series[]): void {
  const metric = {
    name: DURATIONS,
    help: "Time from the request's headers to the end of the answer, by method, route template and status",
    type: "histogram",
    aggregator: "sum",
    get: async () => ({ ...metric, values: series.flatMap(valuesOf) }),
  };
  // The registry takes anything that can be read like a metric; its types only know the library's own classes.
  registry.registerMetric(metric as unknown as Histogram);
}

function valuesOf({ labels, count, sum, buckets }: Series) {
  let below = 0;
  const cumulative = BUCKETS_SECONDS.map((bound, index) => {
    below += buckets[index] ?? 0;
    return { metricName: `${DURATIONS}_bucket`, labels: { ...labels, le: String(bound) }, value: below };
  });
  return [
    ...cumulative,
    { metricName: `${DURATIONS}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
    { metricName: `${DURATIONS}_sum`, labels, value: sum },
    { metricName: `${DURATIONS}_count`, labels, value: count },
  ];
}
