import { writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

// Bundles the function into one file: node scripts/build-lambda.ts [folder]
// Nothing of it is compiled for one machine, so the same file runs on x86-64 and ARM.
const ROOT = path.resolve(import.meta.dirname, "..");
/** AWS has no Node.js 26 yet: syntax that its newest runtime lacks is written in older one. Functions are not: a test runs it there. */
const TARGET = "node24";
// Packages that are made of CommonJS ask for others by `require`, which a module does not have.
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

const folder = path.resolve(process.argv[2] ?? path.join(ROOT, "dist/lambda"));
const { metafile } = await build({
  entryPoints: [path.join(ROOT, "server/src/lambda.ts")],
  outfile: path.join(folder, "lambda.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: TARGET,
  banner: { js: REQUIRE },
  minify: true,
  // Errors are logged by their names.
  keepNames: true,
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "external",
  metafile: true,
  logLevel: "warning",
});

const bytes = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined)?.bytes ?? 0;
const packages = [...new Set(Object.keys(metafile.inputs).flatMap(packageOf))].toSorted();
await writeFile(path.join(folder, "contents.json"), `${JSON.stringify({ bytes, packages }, null, 2)}\n`);
console.log(`${folder}/lambda.mjs: ${bytes} bytes, ${packages.length} packages`);

function packageOf(input: string): string[] {
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(input)?.[1];
  return name === undefined ? [] : [name];
}
