import { randomBytes } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { folderMistake } from "../data-folder.ts";
import { codeOf, mistake } from "../mistake.ts";
import { findStartMark, isAlive } from "../processes.ts";

const FILE = "up.json";
const ATTEMPTS = 5;

/** Who runs in a data folder. `mark` tells the process from a later one that got the same number. */
export type Claim = { pid: number; mark: string; url: string };

/** The living supervisor of a data folder; `stale` when one was killed here and left its claim. */
export async function findClaim(dataDir: string): Promise<Claim | "stale" | undefined> {
  try {
    const claim = JSON.parse(await readFile(path.join(dataDir, FILE), "utf8")) as Claim;
    if (!(await isAlive(claim.pid))) return "stale";
    return (await findStartMark(claim.pid)) === claim.mark ? claim : "stale";
  } catch (error) {
    return codeOf(error) === "ENOENT" ? undefined : "stale";
  }
}

/**
 * Takes a data folder for this process, so that two supervisors never share one.
 * @returns the other one when it is taken, else how to give it back
 */
export async function claimDataDir(
  dataDir: string,
  url: string,
): Promise<{ taken: Claim } | { release(): Promise<void> }> {
  const file = path.join(dataDir, FILE);
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  const claim: Claim = { pid: process.pid, mark: (await findStartMark(process.pid)) ?? "", url };
  await writeFile(draft, JSON.stringify(claim), { mode: 0o600 }).catch((error: unknown) => {
    throw folderMistake(dataDir, error);
  });
  try {
    for (let attempt = 1; ; attempt += 1) {
      // A link fails when the name exists: of two that start at once, one gets the folder.
      if (await linkNew(draft, file)) return { release: () => rm(file, { force: true }) };
      if (attempt >= ATTEMPTS) throw mistake(`${file} comes back whenever it is taken away: is another 'up' starting?`);
      const found = await findClaim(dataDir);
      if (found !== undefined && found !== "stale") return { taken: found };
      await rm(file, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function linkNew(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}
