import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { until } from "#test/until.ts";
import { type Cluster, query, startCluster } from "./cluster.ts";
import { askAgain, type Person, signUp, stock } from "./people.ts";
import { between, pick, type Random, seeded } from "./random.ts";
import { drained, type Shop, startShop } from "./shop-under-fire.ts";
import type { Slot } from "./slot.ts";
import { readSnapshot } from "./snapshot.ts";

/** On demand: `make drill` asks for 1,000. */
const SEEDS = Number(process.env["SEEDS"] ?? 0);
const AT_ONCE = 10;
const KILLS = 10;
const WORKERS = 4;
const CREATED = 201;
const ACCEPTED = 202;
const TEST_MS = 900_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
}, TEST_MS);
afterAll(async () => await cluster[Symbol.asyncDispose]());

test.skipIf(SEEDS === 0)(
  `${SEEDS} seeds (SEEDS=100 runs it): orders end as they do in order when deliveries are shuffled, delayed and doubled, with ${WORKERS} workers and kills`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const stories = Array.from({ length: SEEDS }, (_, seed) => storyOf(seed));
    const inOrder = await play(stories, { workers: 1, isShuffled: false });
    const shuffled = await play(stories, { workers: WORKERS, isShuffled: true });
    expect(shuffled.ends).toEqual(inOrder.ends);
    expect(shuffled.wrong).toEqual([]);
    await annotate(`${shuffled.kills} kills, ${shuffled.redeliveries} redeliveries, ${shuffled.turned} overtaken`);
    expect(shuffled.turned).toBeGreaterThan(0);
  },
);

/** What happens to one product: what there is, how many want one each, and what becomes of those who get one. */
type Story = { stock: number; orders: number; isShipped: boolean; isCancelled: boolean };

function storyOf(seed: number): Story {
  const random = seeded(seed + 1);
  const [pieces, orders] = [between(random, 1, 4), between(random, 1, 5)];
  return { stock: pieces, orders, isShipped: random() < 0.5, isCancelled: random() < 0.5 };
}

type Played = { ends: unknown[]; wrong: string[]; kills: number; redeliveries: number; turned: number };

async function play(stories: Story[], options: { workers: number; isShuffled: boolean }): Promise<Played> {
  const { workers, isShuffled } = options;
  const lasting = isShuffled ? { worker: "worker.after_claim=duplicate" } : {};
  await using shop = await startShop(cluster, { apis: 1, workers, lasting });
  const [staff, buyer] = [await signUp(shop, "staff"), await signUp(shop)];
  if (isShuffled) await query(shop.databaseUrl, SHUFFLED);
  const products: number[] = [];
  const ending = new AbortController();
  const killing = isShuffled ? killWorkers(shop, ending.signal) : Promise.resolve(0);
  for (let first = 0; first < stories.length; first += AT_ONCE) {
    const some = stories.slice(first, first + AT_ONCE);
    products.push(...(await Promise.all(some.map((story) => tell(shop, story, { staff, buyer, isShuffled })))));
  }
  ending.abort();
  const kills = await killing;
  await shop.ready();
  await drained(shop);
  const found = await verifyDatabase(shop.databaseUrl);
  const wrong = found.flatMap(({ name, offending }) => offending.map((line) => `${name}: ${line}`));
  const [counted] = await query<{ redeliveries: number; turned: number }>(shop.databaseUrl, COUNTED);
  return { ends: await endsOf(shop, products), wrong, kills, ...(counted ?? { redeliveries: 0, turned: 0 }) };
}

/** Lets a story happen: in order one step after the other, else all at once and each step twice. @returns its product */
async function tell(
  shop: Shop,
  story: Story,
  { staff, buyer, isShuffled }: { staff: Person; buyer: Person; isShuffled: boolean },
): Promise<number> {
  const product = await stock(shop, staff, { stock: story.stock, price_cents: 100 });
  const [url = ""] = shop.urls;
  const asking = { method: "POST", token: buyer.token, body: { items: [{ product_id: product, quantity: 1 }] } };
  const place = async (_: unknown, nth: number): Promise<number> => {
    const headers = { "idempotency-key": `${product}-${nth}` };
    const { status, body } = await askAgain(`${url}/api/v2/orders`, { ...asking, headers });
    if (status !== ACCEPTED && status !== CREATED) throw new Error(`an order was answered with ${status}`);
    return Number(body["id"]);
  };
  const act = async (id: number, name: string, body?: object): Promise<void> => {
    const send = () => askAgain(`${url}/api/v2/orders/${id}/${name}`, { method: "POST", token: staff.token, body });
    await Promise.all(isShuffled ? [send(), send()] : [send()]);
  };
  const ids: number[] = [];
  if (isShuffled) ids.push(...(await Promise.all(Array.from({ length: story.orders }, place))));
  for (let count = ids.length; count < story.orders; count += 1) {
    ids.push(await place(undefined, count));
    await decided(shop, ids);
  }
  const [first, second] = await decided(shop, ids);
  const shipped = async (id: number): Promise<void> => {
    await act(id, "pay", { reference: "payment" });
    await act(id, "ship", {});
  };
  await Promise.all([
    story.isShipped && first !== undefined ? shipped(first) : undefined,
    story.isCancelled && second !== undefined ? act(second, "cancel") : undefined,
  ]);
  return product;
}

/** Waits until all of them are decided. @returns those that got their piece */
async function decided(shop: Shop, ids: number[]): Promise<number[]> {
  const rows = await until(async () => {
    const asked = query<{ id: number; status: string }>(shop.databaseUrl, STATUSES, [ids]);
    const found = await asked.catch(() => undefined);
    return found?.every(({ status }) => status !== "pending") === true && found;
  });
  return rows.filter(({ status }) => status === "reserved").map(({ id }) => id);
}

/** For each product how many orders ended in which status, what moved how often, what was told, and what is left. */
async function endsOf(shop: Shop, products: number[]): Promise<unknown[]> {
  const { orders, levels, movements, mails } = await readSnapshot(shop.databaseUrl);
  return products.map((product) => {
    const own = orders.filter(({ items }) => items.some((line) => line.product_id === product));
    const ids = new Set(own.map(({ id }) => id));
    return {
      orders: countBy(own.map(({ status }) => status)),
      moved: countBy(movements.filter(({ item_id }) => item_id === product).map(({ kind }) => kind)),
      told: countBy(mails.filter(({ order_id }) => ids.has(order_id)).map(({ status }) => status)),
      left: levels.filter(({ item_id }) => item_id === product).map(({ on_hand, reserved }) => [on_hand, reserved]),
    };
  });
}

function countBy(names: string[]): Record<string, number> {
  const groups = Map.groupBy(names, (name) => name);
  return Object.fromEntries([...groups].map(([name, group]) => [name, group.length]));
}

async function killWorkers(shop: Shop, ending: AbortSignal): Promise<number> {
  const random: Random = seeded(SEEDS);
  const ended = new Promise((resolve) => ending.addEventListener("abort", resolve));
  for (let kills = 0; kills < KILLS; kills += 1) {
    const slot = pick(random, shop.workers as [Slot, ...Slot[]]);
    await slot.ready();
    // It dies with a batch in its hands.
    await Promise.race([slot.nextHit(), ended]);
    if (ending.aborted) return kills;
    const dead = slot.died();
    slot.signal("SIGKILL");
    await dead;
  }
  return KILLS;
}

const STATUSES = "SELECT id::int, status FROM orders WHERE id = ANY($1::bigint[]) ORDER BY id";

// Each delivery is due at a moment of its own within a third of a second, so that any may overtake any.
const SHUFFLED = `
  CREATE FUNCTION shuffle() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NEW.due_at := now() + random() * interval '0.3 second';
    RETURN NEW;
  END $$;
  CREATE TRIGGER shuffle BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION shuffle()`;

const COUNTED = `
  SELECT (SELECT coalesce(sum(attempts - 1), 0)::int FROM deliveries WHERE attempts > 1) AS redeliveries,
    (SELECT count(*)::int FROM (
       SELECT handled_at < max(handled_at) OVER (PARTITION BY consumer ORDER BY message_id
         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS is_late
       FROM deliveries) d WHERE is_late) AS turned`;
