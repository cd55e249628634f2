import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Server, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

/** Whether there is a RabbitMQ to start; where not, tests say `scripts/services/start rabbitmq` in their names and are skipped. */
export const hasRabbit = existsSync("/usr/lib/rabbitmq/bin/rabbitmq-server");

const RUN_NODE = path.resolve(import.meta.dirname, "../../scripts/services/rabbitmq/run-node");
/** A virtual machine and a broker of its own, on a machine that is busy with other things. */
const ANSWERS_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 50;
const LOOK_LIMIT_MS = 2_000;
/** What RabbitMQ answers with an error, and thereby shows that it answers. */
const GREETING = Buffer.from("AMQP\0\0\u0009\u0001", "latin1");

/** A RabbitMQ that belongs to one test, so that it can be hurt. What it keeps on disk survives being killed. */
export type RabbitServer = AsyncDisposable & {
  url: string;
  /** SIGKILL; resolves when it is gone */
  kill(): Promise<void>;
  /** starts it again at the same port, with what it had; resolves when it answers */
  start(): Promise<void>;
};

export async function startRabbit(): Promise<RabbitServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-rabbitmq-"));
  const ports = await freePorts(3);
  const [port = 0] = ports;
  let running: ChildProcess | undefined;
  const start = async () => {
    // A group of its own, of which nobody stays behind: the node, and what Erlang puts beside it.
    const node = spawn(RUN_NODE, [folder, ...ports.map(String)], { detached: true, stdio: "ignore" });
    running = node;
    const deadline = performance.now() + ANSWERS_WITHIN_MS;
    while (!(await answers(port))) {
      if (performance.now() > deadline || node.exitCode !== null) throw new Error("RabbitMQ did not start");
      await setTimeout(LOOK_EVERY_MS);
    }
  };
  const kill = async () => {
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, "exit");
    process.kill(-running.pid, "SIGKILL");
    await ended;
  };
  await start();
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.write(GREETING);
    const [said] = (await once(socket, "data", { signal: AbortSignal.timeout(LOOK_LIMIT_MS) })) as [Buffer];
    return said.length > 0;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Ports that were free a moment ago, all at the same time. */
async function freePorts(count: number): Promise<number[]> {
  const probes: Server[] = [];
  for (let probe = 0; probe < count; probe += 1) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    probes.push(server);
  }
  const ports = probes.map((server) => (server.address() as AddressInfo).port);
  for (const server of probes) {
    server.close();
    await once(server, "close");
  }
  return ports;
}
