import { verifyDatabase } from "#src/app.ts";
import type { Finding } from "#src/platform/database/check.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";

/** Checks everything that must hold and prints what breaks it; exit code 1 when something does and stays so. */
export async function verify(repair: boolean): Promise<void> {
  const config = loadConfig();
  await withDatabase(config, async (url) => {
    const onProgress = (finding: Finding) => console.log(describe(finding));
    const findings = await verifyDatabase(url, { repair, onProgress, config });
    const broken = findings.filter((finding) => finding.offending.length > 0 && finding.repaired === undefined);
    console.log(broken.length === 0 ? "all of it holds" : `${broken.length} of ${findings.length} do not hold`);
    if (broken.length > 0) process.exitCode = 1;
  });
}

function describe({ name, offending, repaired }: Finding): string {
  if (offending.length === 0) return `holds     ${name}`;
  const outcome = repaired === undefined ? "BROKEN   " : "repaired ";
  const rows = repaired === undefined ? "" : ` (${repaired} rows)`;
  return [`${outcome} ${name}${rows}`, ...offending.map((line) => `            ${line}`)].join("\n");
}
