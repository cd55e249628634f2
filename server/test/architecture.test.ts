import { expect, test } from "vitest";
import { walls } from "./architecture/imports.ts";
import {
  environment,
  fileSize,
  functionSize,
  names,
  noBarrels,
  noDefaultExports,
  noSleeps,
  reasonedSuppressions,
} from "./architecture/shape.ts";
import { type Breach, parseSource, readSources, type Rule, type Source } from "./architecture/source.ts";
import { readOwners, ownTables } from "./architecture/tables.ts";

const TITLE_LENGTH = 80;

const owners = await readOwners();
const RULES: Record<string, Rule> = {
  walls,
  ownTables: ownTables(owners),
  environment,
  fileSize,
  functionSize,
  noBarrels,
  noDefaultExports,
  names,
  noSleeps,
  reasonedSuppressions,
};

// The files that were there when this was written, and a little less: a folder that moved away turns this red.
const FLOORS: Record<string, number> = {
  "server/src/modules": 35,
  "server/src/platform": 60,
  "server/src": 110,
  "server/migrations": 4,
  "server/seeds": 1,
  "server/test": 12,
  assay: 22,
  console: 0,
  scripts: 2,
};

const sources = await readAll();

test.for(Object.entries(FLOORS))("the rules see at least the files that are known to be in %s", ([folder, floor]) => {
  expect(sources.filter((source) => source.path.startsWith(`${folder}/`)).length).toBeGreaterThanOrEqual(floor);
});

test.for(Object.keys(RULES))("no file breaks the rule: %s", (name) => {
  expect(sources.flatMap((source) => breachesOf(name, source))).toEqual([]);
});

test("every table has one owner in ARCHITECTURE.md, and every table there exists", () => {
  const generated = sources.find((source) => source.path === "server/src/platform/database/tables.gen.ts");
  const members = /export interface Tables \{\n([^}]*)\}/.exec(generated?.text ?? "")?.[1] ?? "";
  const tables = [...members.matchAll(/^ {2}(\w+):/gm)].map((match) => match[1] ?? "");
  expect(tables.length).toBeGreaterThan(0);
  expect([...owners.keys()].toSorted()).toEqual(tables.toSorted());
});

const MODULE = "server/src/modules/orders/place-orders.ts";
const REPOSITORY = "server/src/modules/orders/repository.ts";
const INNER = "server/src/modules/identity/sessions/session-repository.ts";
const PLATFORM = "server/src/platform/http/server.ts";
const TEST = "server/src/modules/orders/orders.test.ts";

/** What each rule has to report: the rule, the file, its text. */
const REFUSED: [rule: string, file: string, text: string][] = [
  ["walls", MODULE, 'import { x } from "../catalogue/items/item-repository.ts";'],
  ["walls", MODULE, 'import type { X } from "#src/modules/catalogue/items/item-schemas.ts";'],
  ["walls", MODULE, 'import { x } from "#src/modules/catalogue/stock/public.ts";'],
  ["walls", MODULE, 'export { x } from "#src/modules/catalogue/items/item-repository.ts";'],
  ["walls", MODULE, 'export const load = () => import("#src/modules/catalogue/items/item-repository.ts");'],
  ["walls", MODULE, 'export type X = import("#src/modules/catalogue/items/item-schemas.ts").X;'],
  ["walls", TEST, 'import { x } from "../catalogue/items/item-repository.ts";'],
  ["walls", INNER, 'import { x } from "../../catalogue/repository.ts";'],
  ["ownTables", INNER, 'export const text = "SELECT id FROM items";'],
  ["walls", REPOSITORY, 'import pg from "pg";'],
  ["walls", REPOSITORY, 'import type { PoolClient } from "pg";'],
  ["walls", MODULE, 'import { SQS } from "@aws-sdk/client-sqs";'],
  ["walls", MODULE, 'import { sql } from "kysely";'],
  ["walls", REPOSITORY, 'import { Kysely } from "kysely";'],
  ["walls", MODULE, 'import { readConfig } from "#src/config.ts";'],
  ["walls", MODULE, 'import { startApi } from "#src/app.ts";'],
  ["walls", PLATFORM, 'import { reserveStock } from "#src/modules/catalogue/public.ts";'],
  ["walls", PLATFORM, 'import type { Role } from "../../modules/identity/schemas.ts";'],
  ["walls", PLATFORM, 'import { startApi } from "#src/app.ts";'],
  ["walls", "server/src/config.ts", 'import type { Log } from "./platform/telemetry/log.ts";'],
  ["walls", "server/src/commands/api.ts", 'import { orders } from "#src/modules/orders/module.ts";'],
  ["walls", MODULE, 'import { orders } from "./module.ts";'],
  ["walls", "server/test/x.test.ts", 'import "#src/main.ts";'],
  ["walls", "assay/src/cli.ts", 'import { x } from "../../server/src/config.ts";'],
  ["walls", "console/src/api.ts", 'import { x } from "@shopfloor/server/src/config.ts";'],
  ["walls", PLATFORM, 'import { x } from "../../../../assay/src/poll.ts";'],
  ["walls", "server/migrations/0009_x.ts", 'import { x } from "#src/platform/database/statement.ts";'],
  ["walls", MODULE, 'import { cloneDatabase } from "#test/database.ts";'],
  ["walls", PLATFORM, 'import { test } from "vitest";'],
  ["ownTables", REPOSITORY, 'export const text = "SELECT id FROM items";'],
  ["ownTables", REPOSITORY, "export const text = (id: number) => `UPDATE stock_levels SET on_hand = ${id}`;"],
  ["ownTables", REPOSITORY, 'export const text = "select 1 from orders o, items i";'],
  ["ownTables", REPOSITORY, 'export const text = "SELECT 1 FROM orders o JOIN users u ON true";'],
  ["ownTables", REPOSITORY, 'export const text = "INSERT INTO outbox VALUES (1)";'],
  ["ownTables", REPOSITORY, "export const text = 'DELETE FROM ONLY \"items\"';"],
  ["ownTables", REPOSITORY, 'db.selectFrom("items as i").selectAll();'],
  ["ownTables", REPOSITORY, 'db.selectFrom(["orders", "items"]);'],
  ["ownTables", REPOSITORY, 'db.selectFrom("orders").innerJoin("users as u", "u.id", "orders.user_id");'],
  ["ownTables", PLATFORM, 'export const text = "SELECT count(*) FROM orders";'],
  ["environment", MODULE, 'export const debug = process.env["DEBUG"];'],
  ["environment", PLATFORM, 'export const debug = process["env"].DEBUG;'],
  ["environment", PLATFORM, "const { env } = process; export const debug = env.DEBUG;"],
  ["environment", PLATFORM, 'import { env } from "node:process"; export const debug = env.DEBUG;'],
  ["fileSize", MODULE, "export const x = 1;\n".repeat(301)],
  ["functionSize", MODULE, `export function x() {${"\n".repeat(70)}}`],
  ["functionSize", TEST, `test("x", async () => {${"\n".repeat(70)}});`],
  ["noBarrels", "server/src/modules/orders/index.ts", 'export { x } from "./x.ts";\nexport type { Y } from "./y.ts";'],
  ["noBarrels", MODULE, 'import { x } from "./x.ts";\nexport { x };'],
  ["noBarrels", MODULE, 'export * from "./x.ts";\nexport const y = 1;'],
  ["noBarrels", MODULE, 'export * as all from "./x.ts";\nexport const y = 1;'],
  ["noDefaultExports", MODULE, "export default function x() {}"],
  ["noDefaultExports", MODULE, "const x = 1;\nexport { x as default };"],
  ["names", "server/src/platform/utils/text.ts", "export const x = 1;"],
  ["names", "server/src/modules/orders/helpers.ts", "export const x = 1;"],
  ["names", "server/src/modules/orders/placeOrder.ts", "export const x = 1;"],
  ["names", "server/migrations/9-late.ts", "export const x = 1;"],
  ["noSleeps", TEST, "await new Promise((resolve) => setTimeout(resolve, 100));"],
  ["noSleeps", TEST, 'import { setTimeout } from "node:timers/promises"; await setTimeout(100);'],
  ["noSleeps", TEST, "await sleep(100);"],
  ["reasonedSuppressions", MODULE, "// oxlint-disable-next-line no-console\nconsole.log(1);"],
  ["reasonedSuppressions", MODULE, "/* eslint-disable */\nconsole.log(1);"],
  ["reasonedSuppressions", TEST, "// @ts-expect-error\nconst x: number = '';"],
];

test.for(REFUSED.map(planted))("the rule $rule refuses in $file: $start", ({ rule, file, text }) => {
  expect(breachesOf(rule, parseSource(file, text))).not.toEqual([]);
});

test("every rule has been seen refusing something", () => {
  expect(new Set(REFUSED.map(([rule]) => rule))).toEqual(new Set(Object.keys(RULES)));
});

/** What no rule may report, because people need it every day. */
const ALLOWED: [file: string, text: string][] = [
  [MODULE, 'import { reserveStock } from "#src/modules/catalogue/public.ts";\nexport const x = reserveStock;'],
  [
    INNER,
    'import { x } from "#src/modules/identity/errors.ts";\nimport { y } from "../audit/audit.ts";\nexport const z = [x, y];',
  ],
  [MODULE, 'import { x } from "#src/modules/catalogue/events.ts";\nexport const y = [x];'],
  [MODULE, 'import type { Config } from "#src/config.ts";\nexport type X = Pick<Config, "port">;'],
  [REPOSITORY, 'import { sql, type SqlBool } from "kysely";\nexport const x = sql<SqlBool>`SELECT 1 FROM orders`;'],
  [REPOSITORY, 'export const x = db.selectFrom("orders").innerJoin("order_items", "id", "order_id");'],
  [REPOSITORY, 'export const text = "one item was taken from items";'.replace("from items", "from it")],
  [MODULE, 'export class OrderError extends Error {}\nexport { x } from "./x.ts";'],
  [TEST, 'import pg from "pg";\nexport const x = new pg.Client("SELECT 1 FROM items");'],
  [TEST, `describe("x", () => {${"\n".repeat(200)}});`],
  ["server/vitest.config.ts", "export default {};"],
  ["server/src/config.ts", "export const x = process.env;"],
  [PLATFORM, 'export const x = { PATH: process.env["PATH"] };'],
  ["server/src/composition.ts", 'import { orders } from "./modules/orders/module.ts";\nexport const x = [orders];'],
  ["server/migrations/0009_late_views.ts", 'import { sql } from "kysely";\nexport const x = sql`SELECT 1 FROM items`;'],
  [MODULE, "// oxlint-disable-next-line no-console -- the terminal is the point\nconsole.log(1);"],
  ["server/src/platform/database/tables.gen.ts", "export type X = 1;\n".repeat(1000)],
];

test.for(ALLOWED.map(([file, text]) => planted(["any", file, text])))("no rule refuses in $file: $start", (sample) => {
  const source = parseSource(sample.file, sample.text);
  expect(Object.keys(RULES).flatMap((name) => breachesOf(name, source))).toEqual([]);
});

test("a file that is no TypeScript is an error and not a file without imports", () => {
  expect(() => parseSource(MODULE, "import { from;")).toThrow("can't be parsed");
});

function planted([rule, file, text]: [rule: string, file: string, text: string]) {
  return { rule, file, text, start: text.slice(0, TITLE_LENGTH).replaceAll("\n", " ") };
}

function breachesOf(name: string, source: Source): Breach[] {
  const rule = RULES[name];
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return rule(source);
}

async function readAll(): Promise<Source[]> {
  const folders = [
    "server/src",
    "server/migrations",
    "server/seeds",
    "server/test",
    "assay",
    "console",
    "scripts",
    "benchmark",
  ];
  return (await Promise.all(folders.map(readSources))).flat();
}
