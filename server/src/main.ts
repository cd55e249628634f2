import { Argument, Command, Option } from "commander";
import { ConfigError } from "./config.ts";
import { isMistake } from "./platform/mistake.ts";

const program = new Command("shopfloor").description("The backend for a shop and the crew that runs it");

const supervised = new Option("--supervised", "started by 'up', which says when to begin").hideHelp();

// Each command is loaded when it is asked for: the API does not wait for what only `up` needs.
program
  .command("up")
  .description("PostgreSQL (unless DATABASE_URL names one), API and worker on this machine; Ctrl-C stops them")
  .action(async () => (await import("./commands/up.ts")).up());
program
  .command("api")
  .description("the HTTP API alone; wants DATABASE_URL, or a PostgreSQL that 'up' runs here")
  .addOption(supervised)
  .action(async (options: { supervised?: true }) =>
    (await import("./commands/api.ts")).api(options.supervised ?? false),
  );
program
  .command("worker")
  .description("the worker alone; wants DATABASE_URL, or a PostgreSQL that 'up' runs here")
  .addOption(supervised)
  .action(async (options: { supervised?: true }) =>
    (await import("./commands/worker.ts")).worker(options.supervised ?? false),
  );
program
  .command("migrate")
  .description("bring the database to the newest schema, take the newest migration back, or tell where it stands")
  .addArgument(new Argument("[direction]").choices(["up", "down", "status"]).default("up"))
  .action(async (direction: "up" | "down" | "status") => (await import("./commands/migrate.ts")).migrate(direction));
program
  .command("seed")
  .description("fill an empty database with demo data")
  .action(async () => (await import("./commands/seed.ts")).seed());
program
  .command("grant-role")
  .description("give an account a role; the way to the first admin")
  .argument("<email>")
  .addArgument(new Argument("<role>").choices(["customer", "staff", "admin"]))
  .action(async (email: string, role: string) => (await import("./commands/grant-role.ts")).grantRole(email, role));
program
  .command("import-products")
  .description("create and change products from a CSV file, all of its lines or none")
  .argument("<file>", "a path, or - for standard input")
  .requiredOption("--owner <email>", "the account that new products belong to")
  .action(async (file: string, options: { owner: string }) =>
    (await import("./commands/import-products.ts")).importProducts(file, options.owner),
  );
program
  .command("export-products")
  .description("write all products as CSV to standard output, as import-products takes it")
  .action(async () => (await import("./commands/export-products.ts")).writeProducts());
program
  .command("verify")
  .description("recompute what is derived from its ledger and compare; exit code 1 when something does not agree")
  .option("--repair", "derive anew what is derived")
  .action(async (options: { repair?: true }) => (await import("./commands/verify.ts")).verify(options.repair ?? false));
program
  .command("reindex")
  .description("write the search index anew, beside the one that answers meanwhile")
  .action(async () => (await import("./commands/reindex.ts")).reindex());
program
  .command("doctor")
  .description("the effective configuration, and what is wrong here with the way out")
  .action(async () => (await import("./commands/doctor.ts")).doctor());
program
  .command("generate-keys")
  .description("fresh values for SIGNING_KEYS and TOKEN_SECRET")
  .addOption(new Option("--metrics-token", "one for METRICS_TOKEN too"))
  .action(async (options: { metricsToken?: boolean }) =>
    (await import("./commands/generate-keys.ts")).generateKeys(options.metricsToken ?? false),
  );
program
  .command("rotate-keys")
  .description(
    "change the keys that sign access tokens, without a restart: 'add', minutes later 'promote', then 'retire'",
  )
  .addArgument(new Argument("[step]").choices(["status", "add", "promote", "retire"]).default("status"))
  .option("--now", "do not wait for the time of the step: for a key that was stolen")
  .option("--print", "change no file, print the new value of SIGNING_KEYS")
  .action(async (step: "status" | "add" | "promote" | "retire", options: { now?: true; print?: true }) =>
    (await import("./commands/rotate-keys.ts")).rotateKeys(step, options),
  );

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = 1;
  // What the person can mend is said in a line; only a bug shows its stack.
  const line = error instanceof ConfigError || isMistake(error) ? `shopfloor: ${error.message}` : error;
  // oxlint-disable-next-line no-console -- the one place where a command line says that it failed
  console.error(line);
  // A failed start may leave a timer or a connection behind, which would keep the process for nothing.
  process.exit();
}
