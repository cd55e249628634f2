import { randomBytes } from "node:crypto";
import { type Exchange, type Line, type Sender, send } from "../http/exchange.ts";
import { bodyOf, fieldOf, integerOf, misread } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";

/** A product of a scenario; its name in the shop is unique, `label` is how the scenario calls it. */
export type Product = { id: number; label: string; name: string };

/** Sends a new product with a random name that begins with the label. Prices in cents, stock in pieces. */
export function shelve(
  line: Line,
  sender: Sender | undefined,
  { label, priceCents, stock }: { label: string; priceCents: number; stock: number },
): Promise<Exchange> {
  const name = `${label} ${randomBytes(6).toString("hex")}`;
  return send(line, sender, "POST /api/v2/products", { json: { name, price_cents: priceCents, stock } });
}

/** The product of an answer. Throws a Fault when it is none. */
export function productOf(label: string, exchange: Exchange): Product {
  const body = bodyOf(succeeded(exchange));
  const name = fieldOf(body, "name");
  if (typeof name.value !== "string") throw misread(name, "to be a text");
  return { id: integerOf(body, "id"), label, name: name.value };
}

/** Asks for one product, as a visitor. */
export function readProduct(line: Line, id: number): Promise<Exchange> {
  return send(line, undefined, `GET /api/v2/products/${id}`);
}

/** Changes the price of a product, in cents. */
export function reprice(line: Line, sender: Sender, id: number, priceCents: number): Promise<Exchange> {
  return send(line, sender, `PATCH /api/v2/products/${id}`, { json: { price_cents: priceCents } });
}

/** Books pieces in (positive) or out (negative) of the stock. */
export function bookStock(
  line: Line,
  sender: Sender,
  { id, delta, reason }: { id: number; delta: number; reason: string },
): Promise<Exchange> {
  return send(line, sender, `POST /api/v2/products/${id}/stock`, { json: { delta, reason } });
}

/** How many pieces can be sold: what is on hand and not reserved. */
export async function availableOf(line: Line, id: number): Promise<{ pieces: number; exchange: Exchange }> {
  const exchange = succeeded(await readProduct(line, id));
  return { pieces: integerOf(bodyOf(exchange), "available"), exchange };
}
