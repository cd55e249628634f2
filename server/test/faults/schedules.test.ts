import path from "node:path";
import { expect, test } from "vitest";
import { cloneDatabase } from "#test/database.ts";
import { until } from "#test/until.ts";
import { figure } from "./database/figure.ts";
import { withClient } from "./database/postgres.ts";
import { type Service, startService } from "./database/service-process.ts";

const HOUR_MS = 3_600_000;
const SHIFTS_MS = [-HOUR_MS, 0, HOUR_MS, 240 * HOUR_MS, -240 * HOUR_MS];
const CLOCK = path.resolve(import.meta.dirname, "shifted-clock.ts");
const SOME_MOMENTS = 4;
const TEST_WITHIN_MS = 240_000;
type Ran = { schedule: string; moment: string; run: number };

// D22, F10
test(
  "five workers whose clocks are hours and days apart, one killed in the middle of a run: each moment is run once, none twice",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using database = await cloneDatabase();
    await using undo = new AsyncDisposableStack();
    const start = async (env: Record<string, string>) => {
      const common = { databaseUrl: database.url, env: { LEASE_MS: "1000", LOG_LEVEL: "debug", ...env } };
      return undo.use(await startService("worker", common));
    };
    const doomed = await start({ FAULTS: "schedule.before_noted=hang" });
    await until(() => doomed.output().includes("schedule.before_noted"));
    process.kill(doomed.pid, "SIGKILL");
    await until(() => doomed.ended() === "SIGKILL");
    const left = await rowOf(database.url);
    expect(left).toMatchObject({ last_outcome: "running", runs: 1 });
    const workers: Service[] = [];
    // One after the other, and one moment after the other: each has the whole patience of a busy machine.
    for (const ms of SHIFTS_MS) {
      workers.push(await start({ NODE_OPTIONS: `--import=${CLOCK}`, CLOCK_SHIFT_MS: String(ms) }));
    }
    const more = async (moments: number) => {
      const before = ranIn(workers).length;
      for (let n = 1; n <= moments; n += 1) {
        await until(
          () => ranIn(workers).length >= before + n,
          () => workers.map((worker) => worker.output()),
        );
      }
    };
    await more(SOME_MOMENTS);
    const [victim] = workers;
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await more(SOME_MOMENTS);
    const ran = ranIn(workers).toSorted((a, b) => a.run - b.run);
    const moments = ran.map(({ moment }) => moment);
    expect(moments[0]).toBe(left.moment.toISOString());
    expect(new Set(moments).size).toBe(moments.length);
    expect(moments).toEqual(moments.toSorted());
    // The clock of the database is the only one that counts: nothing is run before its time.
    const early = ran.filter(({ moment }) => new Date(moment).getTime() > Date.now());
    expect(early).toEqual([]);
    const by = workers.map((worker) => ranIn([worker]).length);
    figure(
      `${moments.length} moments, each once, by workers with clocks of -1 h, 0, +1 h, +10 d, -10 d: ${by.join(", ")}`,
    );
  },
);

/** The runs of the expiry, which is due each second, that these workers have ended. */
function ranIn(workers: Service[]): Ran[] {
  const lines = workers.flatMap((worker) => worker.output().split("\n"));
  const ended = lines.filter((line) => line.includes('"a schedule ran"') && line.endsWith("}"));
  return ended.map((line) => JSON.parse(line) as Ran).filter(({ schedule }) => schedule === "orders.expire");
}

async function rowOf(url: string): Promise<{ moment: Date; last_outcome: string; runs: number }> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ moment: string; last_outcome: string; runs: string }>(
      "SELECT last_moment::text AS moment, last_outcome, runs FROM schedules WHERE name = 'orders.expire'",
    );
    const [row] = rows;
    if (row === undefined) throw new Error("nobody has told the database of the expiry");
    return { ...row, moment: new Date(row.moment), runs: Number(row.runs) };
  });
}
