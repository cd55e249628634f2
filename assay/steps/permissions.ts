import { Then, When } from "@cucumber/cucumber";
import { type Exchange, type Sender, send } from "../src/http/exchange.ts";
import { expectRefusal, succeeded } from "../src/http/refusal.ts";
import { productOf, shelve } from "../src/shop/products.ts";
import { eventually } from "../src/poll.ts";
import type { Shop } from "./world.ts";

// The shop may know an account for a second without looking again; the rest is for the way.
const ROLE_COUNTS_WITHIN_MS = 2_000;

/** What only the crew may do, by the words of the features. */
const acts: Record<string, (shop: Shop, who: (Sender & { id?: number }) | undefined) => Promise<Exchange>> = {
  "list the accounts": (shop, who) => send(shop, who, "GET /api/v1/users"),
  "make someone an administrator": (shop, who) => setRole(shop, who, { id: who?.id ?? 1, role: "admin" }),
  "read the audit log": (shop, who) => send(shop, who, "GET /api/v1/operations/audit"),
  "read the mails of the shop": (shop, who) => send(shop, who, "GET /api/v1/operations/mails"),
  "see what waits in the queues": (shop, who) => send(shop, who, "GET /api/v1/operations/queues"),
  "list the dead letters": (shop, who) => send(shop, who, "GET /api/v1/operations/dead-letters"),
  "replay every dead letter": (shop, who) => send(shop, who, "POST /api/v1/operations/dead-letters/replay"),
  "pause the reservations": (shop, who) => send(shop, who, "POST /api/v1/operations/consumers/orders.reserve/pause"),
  "put something on the shelf": (shop, who) => shelve(shop, who, { label: "Kettle", priceCents: 4_900, stock: 1 }),
};

function setRole(shop: Shop, who: Sender | undefined, { id, role }: { id: number; role: string }): Promise<Exchange> {
  return send(shop, who, `PATCH /api/v1/users/${id}`, { json: { role } });
}

When(
  new RegExp(`^([A-Z][a-z]+|a visitor) tries to (${Object.keys(acts).join("|")})$`),
  async function (this: Shop, who: string, act: string) {
    const sender = who === "a visitor" ? undefined : this.member(who);
    this.answer = await (acts[act] ?? neverMind)(this, sender);
  },
);

async function neverMind(): Promise<never> {
  throw new TypeError("the pattern of the step knows an act that nobody wrote");
}

When(
  "{person} gives {person} the role {string}",
  async function (this: Shop, admin: string, who: string, role: string) {
    this.answer = succeeded(await setRole(this, this.member(admin), { id: this.member(who).id, role }));
  },
);

Then("soon {person} can put something on the shelf", async function (this: Shop, who: string) {
  await eventually(ROLE_COUNTS_WITHIN_MS, async () => {
    productOf("Kettle", await shelve(this, this.member(who), { label: "Kettle", priceCents: 4_900, stock: 1 }));
  });
});

Then("soon {person} can not put something on the shelf any more", async function (this: Shop, who: string) {
  await eventually(ROLE_COUNTS_WITHIN_MS, async () => {
    const answer = await shelve(this, this.member(who), { label: "Kettle", priceCents: 4_900, stock: 1 });
    expectRefusal(answer, "because it is not allowed");
  });
});
