// Starts our own server from nothing, holds it to the features of Assay, and stops it:
//   scripts/node scripts/assay.ts [--json FILE] [any option of `assay run`]
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { complaints, findObstacle, startServer, stopServer, tail } from "./own-server.ts";

const ROOT = path.resolve(import.meta.dirname, "..");

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

process.exitCode = await main(process.argv.slice(2));

async function main(options: string[]): Promise<number> {
  const own = await startServer();
  let code = 2;
  try {
    const obstacle = await findObstacle(own, stopping.signal);
    if (obstacle !== undefined) console.error(`The server did not become ready: ${obstacle}\n${tail(own.log)}`);
    else {
      code = await examine(own.target, options);
      if (own.server.exitCode !== null) {
        console.error(`The server ended by itself with code ${own.server.exitCode}\n${tail(own.log)}`);
        code ||= 1;
      } else if (code !== 0) console.error(complaints(own.log));
    }
  } finally {
    if (!(await stopServer(own))) code ||= 1;
  }
  return code;
}

async function examine(target: string, options: string[]): Promise<number> {
  const {
    ASSAY_STAFF_EMAIL: _staff,
    ASSAY_STAFF_PASSWORD: _staffPassword,
    ASSAY_ADMIN_EMAIL: _admin,
    ASSAY_ADMIN_PASSWORD: _adminPassword,
    ...env
  } = process.env;
  const arguments_ = [path.join(ROOT, "assay/src/cli.ts"), "run", "--target", target, ...options];
  const assay = spawn(process.execPath, arguments_, { stdio: "inherit", env });
  const end = once(assay, "exit");
  const interrupt = () => assay.kill("SIGTERM");
  stopping.signal.addEventListener("abort", interrupt, { once: true });
  const [code] = await end;
  return typeof code === "number" ? code : 2;
}
