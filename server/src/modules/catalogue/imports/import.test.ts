import { expect, test } from "vitest";
import { type Client, startApp } from "#test/app.ts";
import { until } from "#test/until.ts";
import { importSweeps, noteProgress } from "./import-repository.ts";

const HEADER = "sku,name,price_cents,stock,category,tags,description";
const CSV = { "content-type": "text/csv" };

async function importFile(staff: Client, lines: string[], headers: Record<string, string> = {}) {
  const answer = await staff.post("/api/v2/product-imports", lines.join("\n"), { ...CSV, ...headers });
  expect(answer.statusCode).toBe(202);
  return Number(answer.body["id"]);
}

async function finished(staff: Client, id: number) {
  let body: Record<string, unknown> = {};
  await until(async () => {
    ({ body } = await staff.get(`/api/v2/product-imports/${id}`));
    return body["finished_at"] !== null;
  });
  const lines = (await staff.get(`/api/v2/product-imports/${id}/lines?limit=100`)).body["data"];
  return { ...body, lines: lines as Record<string, unknown>[] };
}

async function productsOf(staff: Client): Promise<Record<string, unknown>[]> {
  return (await staff.get("/api/v2/products?sort=id&limit=100")).body["data"] as Record<string, unknown>[];
}

test("a file creates the products that are new and changes those that are known", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  await staff.post("/api/v2/products", { name: "Kettle", price_cents: 900, stock: 4, sku: "K-1", category: "kitchen" });
  const id = await importFile(staff, [
    HEADER,
    "K-1,Kettle,1000,7,,,",
    'P-1,"Pan, ""large""",2500,3,kitchen,steel|large,"two\nlines"',
  ]);
  const done = await finished(staff, id);
  expect(done).toMatchObject({ status: "done", total: 2, done: 2, created: 1, updated: 1, refused: 0 });
  expect(done.lines.map(({ line, sku, outcome }) => [line, sku, outcome])).toEqual([
    [2, "K-1", "updated"],
    [4, "P-1", "created"],
  ]);
  expect(await productsOf(staff)).toMatchObject([
    { name: "Kettle", price_cents: 1000, available: 7, category: "kitchen", version: 2 },
    { name: 'Pan, "large"', available: 3, tags: ["steel", "large"], description: "two\nlines" },
  ]);
  const [kettle] = await productsOf(staff);
  const ledger = (await staff.get(`/api/v2/products/${Number(kettle?.["id"])}/movements`)).body["data"];
  expect(ledger).toMatchObject([{ on_hand_delta: 3, reason: `import ${id}` }, { on_hand_delta: 4 }]);
  await shop.drained();
});

test("one wrong line, and nothing of the file is written; each wrong line says why", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const id = await importFile(staff, [
    HEADER,
    "A,Good,100,1,,,",
    "B,,100,1,,,",
    "C,Pan,a lot,1,,,",
    "A,Again,1,,,,",
    "D,x",
  ]);
  const done = await finished(staff, id);
  expect(done).toMatchObject({ status: "failed", refused: 4, created: 0 });
  expect(done.lines.map(({ line, message }) => [line, message])).toEqual([
    [2, null],
    [3, "it must have required properties name"],
    [4, "price_cents must be a whole number"],
    [5, "repeats the sku of line 2"],
    [6, "has 2 fields, the header 7"],
  ]);
  expect(await productsOf(staff)).toEqual([]);
});

test("a file whose stock is less than what is reserved, or whose sku is somebody's item, is refused whole", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const buyer = await shop.signUp();
  const made = await staff.post("/api/v2/products", { name: "Kettle", price_cents: 900, stock: 4, sku: "K-1" });
  await buyer.post("/api/v2/orders", { items: [{ product_id: made.body["id"], quantity: 3 }] });
  await shop.drained();
  await buyer.post("/api/v1/items", { title: "Mine", sku: "MINE" });
  const id = await importFile(staff, [HEADER, "K-1,Kettle,900,2,,,", "MINE,Theirs,1,,,,", "NEW,New,1,,,,"]);
  const done = await finished(staff, id);
  expect(done).toMatchObject({ status: "failed", refused: 2, detail: expect.stringContaining("nothing was written") });
  expect(done.lines.map(({ outcome, message }) => [outcome, message])).toEqual([
    ["refused", "stock 2 is less than the 3 that orders have reserved"],
    ["refused", "the sku belongs to an item that is not sold from stock"],
    ["waiting", null],
  ]);
  expect(await productsOf(staff)).toMatchObject([{ available: 1 }]);
});

test("the same file again changes nothing, and the same key is the same import", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const file = [HEADER, "K-1,Kettle,900,2,kitchen,,"];
  const key = { "idempotency-key": "import-1" };
  const id = await importFile(staff, file, key);
  expect(await importFile(staff, file, key)).toBe(id);
  await finished(staff, id);
  const again = await importFile(staff, file);
  expect(await finished(staff, again)).toMatchObject({ status: "done", unchanged: 1, updated: 0 });
  expect(await productsOf(staff)).toMatchObject([{ version: 1, available: 2 }]);
});

test("what is exported can be imported again, to the letter", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const lines = [
    HEADER,
    'A-1,"Quote "" and, comma",1,5,tools,a|b,"line\nbreak"',
    "A-2,Ünïcödé 🫖,2,0,,,",
    "A-3,'o''neill,3,1,,,",
  ];
  await finished(staff, await importFile(staff, lines));
  const exported = await staff.getText("/api/v2/product-export");
  expect(exported.headers["content-type"]).toBe("text/csv; charset=utf-8");
  expect(exported.text.split("\r\n")[0]).toBe(HEADER);
  const id = await importFile(staff, [exported.text]);
  expect(await finished(staff, id)).toMatchObject({ status: "done", total: 3, unchanged: 3 });
});

test("a file that is no file of products is refused at once, with what is wrong", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const refused = async (text: string) => {
    const { statusCode, body } = await staff.post("/api/v2/product-imports", text, CSV);
    return [statusCode, (body["errors"] as { message: string }[] | undefined)?.[0]?.message];
  };
  expect(await refused("sku,name\nA,B")).toEqual([422, "the header lacks price_cents"]);
  expect(await refused("sku,name,price_cents,color\nA,B,1,red")).toEqual([
    422,
    `the header names color; known are ${HEADER.replaceAll(",", ", ")}`,
  ]);
  expect(await refused(HEADER)).toEqual([422, "there is no line below the header"]);
  expect((await refused(`${HEADER}\n"A,B`))[0]).toBe(422);
  expect((await refused(`${HEADER}\nA\0,B,1,,,,`))[0]).toBe(400);
  expect((await staff.post("/api/v2/product-imports", { sku: "A" })).statusCode).toBe(415);
  expect((await staff.post("/api/v2/products", "sku,name", CSV)).statusCode).toBe(415);
  const customer = await shop.signUp();
  expect((await customer.post("/api/v2/product-imports", `${HEADER}\nA,B,1,,,,`, CSV)).statusCode).toBe(403);
});

test("an import is in its asker's export, and swept a month after its end", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const [old, young] = [await importFile(staff, [HEADER, "A,B,1,,,,"]), await importFile(staff, [HEADER, "C,D,1,,,,"])];
  await Promise.all([finished(staff, old), finished(staff, young)]);
  const exported = (await staff.get("/api/v1/users/me/export")).body["product_imports"];
  expect((exported as { id: number }[]).map(({ id }) => id)).toEqual([old, young]);
  await shop.db
    .updateTable("product_imports")
    .set({ finished_at: new Date(Date.now() - 31 * 86_400_000).toISOString() })
    .where("id", "=", old)
    .execute();
  for (const { deleteBatch } of importSweeps) expect(await deleteBatch(shop.db, 10)).toBe(10);
  for (const { deleteBatch } of importSweeps) expect(await deleteBatch(shop.db, 10)).toBe(0);
  expect((await staff.get(`/api/v2/product-imports/${old}`)).statusCode).toBe(404);
  expect((await staff.get(`/api/v2/product-imports/${young}`)).statusCode).toBe(200);
});

test("an import is written by the worker, 2,000 lines in one go, and says how far it is", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const lines = Array.from({ length: 2_000 }, (_, n) => `S-${n},Product ${n},${n},${n % 7},cat-${n % 10},,`);
  const done = await finished(staff, await importFile(staff, [HEADER, ...lines]));
  expect(done).toMatchObject({ status: "done", total: 2_000, done: 2_000, created: 2_000 });
});

test("an import that has ended stays ended, whatever a worker says that lost it", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const id = await importFile(staff, [HEADER, "A,B,1,,,,"]);
  await finished(staff, id);
  await noteProgress(shop.db, id, 0);
  expect(await finished(staff, id)).toMatchObject({ status: "done", done: 1 });
});

test("many products are created and changed at once, or none when one of them is refused", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const product = (sku: string, more: object = {}) => ({ sku, name: `Product ${sku}`, price_cents: 100, ...more });
  const first = await staff.post("/api/v2/product-batches", { products: [product("A", { stock: 2 }), product("B")] });
  expect(first).toMatchObject({ statusCode: 200, body: { data: [{ sku: "A", outcome: "created" }, { sku: "B" }] } });
  const second = await staff.post("/api/v2/product-batches", {
    products: [product("A", { price_cents: 150 }), product("B"), product("C")],
  });
  expect((second.body["data"] as { outcome: string }[]).map(({ outcome }) => outcome)).toEqual([
    "updated",
    "unchanged",
    "created",
  ]);
  const buyer = await shop.signUp();
  await buyer.post("/api/v1/items", { title: "Mine", sku: "MINE" });
  const refused = await staff.post("/api/v2/product-batches", { products: [product("D"), product("MINE")] });
  expect(refused).toMatchObject({ statusCode: 422, body: { errors: [{ path: "products[1].sku" }] } });
  const twice = await staff.post("/api/v2/product-batches", { products: [product("E"), product("E")] });
  expect(twice).toMatchObject({
    statusCode: 422,
    body: { errors: [{ path: "products[1].sku", message: "is there twice" }] },
  });
  expect((await productsOf(staff)).map((one) => one["sku"])).toEqual(["A", "B", "C"]);
});
