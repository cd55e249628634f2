// Stands in for AWS's runtime client: takes invocations from the Runtime API, one at a time, and hands them to the
// function (AWS Lambda, "Runtime API"). The emulator starts it, with the folder and the name of the handler.
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";

type Invocation = { getRemainingTimeInMillis(): number };
type Handler = (event: unknown, invocation: Invocation) => Promise<unknown>;

// A test that lets the function die wants that once, and not of everyone who comes after it.
const marker = process.env["FAULTS_ONCE"];
if (marker !== undefined && existsSync(marker)) delete process.env["FAULTS"];
else if (marker !== undefined) writeFileSync(marker, "");

const api = `http://${process.env["AWS_LAMBDA_RUNTIME_API"]}/2018-06-01/runtime`;
const [file = "", name = ""] = (process.env["_HANDLER"] ?? "").split(".");
const module = (await import(path.join(process.env["LAMBDA_TASK_ROOT"] ?? "", `${file}.mjs`))) as Record<
  string,
  Handler
>;

for (;;) {
  const next = await fetch(`${api}/invocation/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id") ?? "";
  const deadline = Number(next.headers.get("lambda-runtime-deadline-ms"));
  const invocation = { getRemainingTimeInMillis: () => deadline - Date.now() };
  await answer(`${api}/invocation/${id}`, async () => await module[name]?.(await next.json(), invocation));
}

async function answer(url: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await post(`${url}/response`, await run());
  } catch (error) {
    const { name: errorType, message: errorMessage } = error instanceof Error ? error : new Error(String(error));
    await post(`${url}/error`, { errorType, errorMessage });
  }
}

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  await response.arrayBuffer();
}
