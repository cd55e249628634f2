import { prepareEngine, type EngineProcess } from "./faults/engine-process.ts";

/** Where the jars are; without them, tests with SQS are skipped and say what brings them. */
export const ELASTICMQ_HOME = process.env["ELASTICMQ_HOME"];

/** An ElasticMQ of a test's own, so that it can be hurt. It keeps nothing: each start is with no queues. */
export async function startElasticMq(home: string): Promise<EngineProcess> {
  const server = await prepareEngine("elasticmq", home, "/health");
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
