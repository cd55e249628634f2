import { randomBytes } from "node:crypto";
import { type IWorldOptions, World } from "@cucumber/cucumber";
import type { EventStream } from "../src/http/event-stream.ts";
import type { Exchange, Line, Sender } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import type { Settings } from "../src/settings.ts";
import type { PlacedOrder } from "../src/shop/orders.ts";
import type { Member, Person } from "../src/shop/people.ts";
import type { Product } from "../src/shop/products.ts";

/** An item of a scenario, by the name that the scenario gives it. */
export type KnownItem = { id: number; owner: Member };

/** What one scenario knows. Cucumber makes a new one for each. */
export class Shop extends World<Settings> implements Line {
  readonly target: string;
  /** ends the idempotency keys of this scenario, so that no other scenario shares them */
  readonly mark = randomBytes(6).toString("hex");
  /** the exchanges of the scenario, oldest first: the last one is shown when a step fails without naming one */
  readonly exchanges: Exchange[] = [];
  /** the answers that the scenario speaks about: those of the last When */
  answers: Exchange[] = [];
  readonly people = new Map<string, Person>();
  readonly members = new Map<string, Member>();
  readonly items = new Map<string, KnownItem>();
  readonly products = new Map<string, Product>();
  /** the orders that were placed, oldest first */
  readonly orders: PlacedOrder[] = [];
  /** the answers to all orders that were sent, taken or not, oldest first */
  readonly orderAnswers: Exchange[] = [];
  /** what somebody follows, by name */
  readonly streams = new Map<string, EventStream>();
  /** what is put right again when the scenario is over */
  readonly undo: (() => Promise<void>)[] = [];
  /** the ETag that somebody keeps, by the name of the item */
  readonly copies = new Map<string, string>();
  /** the cookies that somebody was given, oldest first, by name */
  readonly cookies = new Map<string, string[]>();
  /** the ids of the pages of the last walk through a list */
  pages: number[][] = [];
  /** a word that nobody else uses, and what somebody typed into the search last */
  word = "";
  searched = "";

  constructor(options: IWorldOptions<Settings>) {
    super(options);
    this.target = options.parameters.target;
  }

  heard(exchange: Exchange): void {
    this.exchanges.push(exchange);
  }

  /** The answer that the scenario speaks about. */
  get answer(): Exchange {
    const last = this.answers.at(-1);
    if (last === undefined) throw fault(undefined, "No step before this one has sent a request");
    return last;
  }

  set answer(exchange: Exchange) {
    this.answers = [exchange];
  }

  /** The order that was placed last. */
  get lastOrder(): PlacedOrder {
    const last = this.orders.at(-1);
    if (last === undefined) throw fault(undefined, "No order was placed in this scenario");
    return last;
  }

  /** Somebody who has logged in. */
  member(name: string): Member {
    return this.#known(this.members, name, "customer or crew member");
  }

  /** Somebody of the scenario, or undefined for "a visitor" and "somebody", who have no pass. */
  sender(name: string): Sender | undefined {
    return /^(a visitor|somebody|a stranger)$/.test(name) ? undefined : this.member(name);
  }

  item(label: string): KnownItem {
    return this.#known(this.items, label, "item");
  }

  product(label: string): Product {
    return this.#known(this.products, label, "product");
  }

  person(name: string): Person {
    return this.#known(this.people, name, "person");
  }

  copy(label: string): string {
    return this.#known(this.copies, label, "kept copy");
  }

  #known<T>(things: Map<string, T>, name: string, kind: string): T {
    const thing = things.get(name);
    if (thing === undefined) throw fault(undefined, `The scenario speaks of the ${kind} "${name}" before it has one`);
    return thing;
  }
}
