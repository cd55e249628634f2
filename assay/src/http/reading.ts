import type { Exchange } from "./exchange.ts";
import { type Fault, fault } from "./fault.ts";

/** A part of an answer's JSON body, with the words that say which part. */
export type Reading = { exchange: Exchange; where: string; value: unknown };

const SHOWN_VALUE_CHARACTERS = 200;

/**
 * The whole JSON body of an answer.
 * @throws Fault when the body is no JSON
 */
export function bodyOf(exchange: Exchange): Reading {
  try {
    return { exchange, where: "the body", value: JSON.parse(exchange.answer.text) };
  } catch {
    throw fault(exchange, `${nameOf(exchange)} answered ${exchange.answer.status} with a body that is no JSON`);
  }
}

/**
 * A field of an object.
 * @throws Fault when the reading is no object, or has no such field
 */
export function fieldOf(reading: Reading, name: string): Reading {
  const { value, where } = reading;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw misread(reading, `to be an object with "${name}"`);
  }
  if (!Object.hasOwn(value, name)) {
    const names = Object.keys(value).join(", ") || "nothing";
    throw misread(reading, `to have "${name}"`, `it has ${names}`);
  }
  const found: unknown = Reflect.get(value, name);
  return { exchange: reading.exchange, where: `"${name}" in ${where}`, value: found };
}

/** A field that holds text. Throws a Fault when it is absent or anything else. */
export function textOf(reading: Reading, name: string): string {
  const field = fieldOf(reading, name);
  if (typeof field.value !== "string") throw misread(field, "to be a text");
  return field.value;
}

/** A field that holds a whole number: an id, cents, a quantity. Throws a Fault when it is absent or anything else. */
export function integerOf(reading: Reading, name: string): number {
  const field = fieldOf(reading, name);
  if (!Number.isSafeInteger(field.value)) throw misread(field, "to be a whole number");
  return Number(field.value);
}

/** A field that holds a list. Throws a Fault when it is absent or anything else. */
export function rowsOf(reading: Reading, name: string): Reading[] {
  const field = fieldOf(reading, name);
  if (!Array.isArray(field.value)) throw misread(field, "to be a list");
  return field.value.map((value: unknown, index) => ({
    exchange: reading.exchange,
    where: `entry ${index + 1} of ${field.where}`,
    value,
  }));
}

/** An answer's header. Throws a Fault when it is absent. */
export function headerOf(exchange: Exchange, name: string): string {
  const value = exchange.answer.headers.get(name);
  if (value === null) throw fault(exchange, `${nameOf(exchange)} answered without the header "${name}"`);
  return value;
}

/** Fails with both values when a reading does not hold what is expected. */
export function expectValue(reading: Reading, expected: string | number | boolean | null): void {
  if (reading.value !== expected) throw misread(reading, `to be ${JSON.stringify(expected)}`);
}

/** How an exchange is called in messages: method and path. */
export function nameOf({ sent }: Exchange): string {
  return `${sent.method} ${new URL(sent.url).pathname}`;
}

/** The fault of a reading: what it was expected to be, and what it is. */
export function misread(reading: Reading, expected: string, instead?: string): Fault {
  const shown = (JSON.stringify(reading.value) ?? "nothing").slice(0, SHOWN_VALUE_CHARACTERS);
  return fault(
    reading.exchange,
    `${nameOf(reading.exchange)}: expected ${reading.where} ${expected}, but ${instead ?? `it is ${shown}`}`,
  );
}
