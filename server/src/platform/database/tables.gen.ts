// Generated from the migrations by `scripts/node --run tables`; a test compares. Do not edit.
import type { ColumnType, Generated, GeneratedAlways } from "kysely";

/** Goes in as text made by JSON.stringify: the driver would write a JavaScript array as an array of PostgreSQL. */
export type Json = ColumnType<unknown, string, string>;
export type JsonWithDefault = ColumnType<unknown, string | undefined, string>;
/** A column of a view: readable, never writable. */
export type ReadOnly<T> = ColumnType<T, never, never>;

export interface AllProducts {
  id: ReadOnly<number>;
  owner_id: ReadOnly<number>;
  name: ReadOnly<string>;
  description: ReadOnly<string>;
  price_cents: ReadOnly<number>;
  category: ReadOnly<string | null>;
  tags: ReadOnly<string[]>;
  sku: ReadOnly<string | null>;
  available: ReadOnly<number>;
  in_stock: ReadOnly<boolean>;
  version: ReadOnly<number>;
  created_at: ReadOnly<string>;
  updated_at: ReadOnly<string>;
  status: ReadOnly<string>;
}

export interface AuditLog {
  id: GeneratedAlways<number>;
  action: string;
  user_id: number | null;
  actor_id: number | null;
  address_hmac: Buffer | null;
  correlation_id: string;
  details: JsonWithDefault;
  occurred_at: Generated<string>;
}

export interface CacheEpoch {
  one: Generated<boolean>;
  epoch: Generated<number>;
  nonce: Generated<string>;
}

export interface DeadLetters {
  id: ReadOnly<string | null>;
  message_id: ReadOnly<number | null>;
  consumer: ReadOnly<string | null>;
  topic: ReadOnly<string | null>;
  payload: ReadOnly<unknown>;
  correlation_id: ReadOnly<string | null>;
  attempts: ReadOnly<number | null>;
  error: ReadOnly<string | null>;
  occurred_at: ReadOnly<string | null>;
  dead_at: ReadOnly<string | null>;
}

export interface Deliveries {
  message_id: number;
  consumer: string;
  attempts: Generated<number>;
  due_at: Generated<string>;
  handled_at: string | null;
  dead_at: string | null;
  discarded_at: string | null;
  relayed_at: string | null;
  relays: Generated<number>;
}

export interface DeliveryFailures {
  id: GeneratedAlways<number>;
  message_id: number;
  consumer: string;
  attempt: number;
  error: string;
  failed_at: Generated<string>;
}

export interface IdempotencyKeys {
  user_id: number;
  route: string;
  key: string;
  fingerprint: string;
  status: number;
  location: string | null;
  body: Json;
  created_at: Generated<string>;
}

export interface ItemSearch {
  item_id: number;
  title: string;
  sort_title: string;
  category: string | null;
  tags: string[];
  sku: string | null;
  price_cents: number;
  created_at: string;
  version: number;
  terms: string[];
  document: string;
  indexed_at: Generated<string>;
}

export interface Items {
  id: Generated<number>;
  owner_id: number;
  title: string;
  description: Generated<string>;
  price_cents: Generated<number>;
  category: string | null;
  tags: Generated<string[]>;
  sku: string | null;
  status: Generated<"draft" | "active" | "archived">;
  tracked: Generated<boolean>;
  version: Generated<number>;
  created_at: Generated<string>;
  updated_at: Generated<string>;
}

export interface Mails {
  id: GeneratedAlways<number>;
  kind: string;
  user_id: number;
  recipient: string;
  params: Json;
  correlation_id: string;
  created_at: Generated<string>;
  sent_at: string | null;
}

export interface OneTimeTokens {
  hash: Buffer;
  user_id: number;
  purpose: "password_reset" | "verify_email";
  created_at: Generated<string>;
  expires_at: string;
}

export interface OrderEvents {
  id: GeneratedAlways<number>;
  order_id: number;
  status: string;
  actor_id: number | null;
  detail: JsonWithDefault;
  correlation_id: string;
  occurred_at: Generated<string>;
}

export interface OrderItems {
  order_id: number;
  product_id: number;
  name: string;
  quantity: number;
  unit_price_cents: number;
}

export interface Orders {
  id: Generated<number>;
  user_id: number;
  status: Generated<"pending" | "reserved" | "rejected" | "cancelled" | "expired" | "paid" | "shipped" | "delivered">;
  total_cents: number;
  reject_reason: string | null;
  shortfalls: JsonWithDefault;
  correlation_id: string;
  version: Generated<number>;
  created_at: Generated<string>;
  updated_at: Generated<string>;
  expires_at: string | null;
  payment_reference: string | null;
  carrier: string | null;
  tracking: string | null;
}

export interface Outbox {
  id: GeneratedAlways<number>;
  topic: string;
  payload: Json;
  correlation_id: string;
  traceparent: string;
  user_id: number | null;
  cause: number | null;
  occurred_at: Generated<string>;
}

export interface PausedConsumers {
  consumer: string;
  paused_at: Generated<string>;
}

export interface ProductImportLines {
  id: GeneratedAlways<number>;
  import_id: number;
  line: number;
  sku: string;
  product: Json;
  outcome: "waiting" | "created" | "updated" | "unchanged" | "refused";
  message: string | null;
  item_id: number | null;
}

export interface ProductImports {
  id: GeneratedAlways<number>;
  user_id: number;
  status: "queued" | "running" | "done" | "failed";
  total: number;
  done: Generated<number>;
  created: Generated<number>;
  updated: Generated<number>;
  unchanged: Generated<number>;
  refused: Generated<number>;
  detail: string | null;
  correlation_id: string;
  created_at: Generated<string>;
  finished_at: string | null;
}

export interface Products {
  id: ReadOnly<number>;
  owner_id: ReadOnly<number>;
  name: ReadOnly<string>;
  description: ReadOnly<string>;
  price_cents: ReadOnly<number>;
  category: ReadOnly<string | null>;
  tags: ReadOnly<string[]>;
  sku: ReadOnly<string | null>;
  available: ReadOnly<number>;
  in_stock: ReadOnly<boolean>;
  version: ReadOnly<number>;
  created_at: ReadOnly<string>;
  updated_at: ReadOnly<string>;
}

export interface RateLimits {
  key: string;
  points: Generated<number>;
  expire: number | null;
}

export interface RefreshTokens {
  hash: Buffer;
  session_id: string;
  parent_hash: Buffer | null;
  issued_at: Generated<string>;
  expires_at: string;
  spent_at: string | null;
}

export interface Reservations {
  order_id: number;
  item_id: number;
  quantity: number;
  status: Generated<"open" | "released" | "shipped">;
  created_at: Generated<string>;
  closed_at: string | null;
}

export interface Schedules {
  name: string;
  cron: string;
  timezone: string;
  due_at: string;
  held_until: string | null;
  runs: Generated<number>;
  failures: Generated<number>;
  last_moment: string | null;
  last_started_at: string | null;
  last_ended_at: string | null;
  last_succeeded_at: string | null;
  last_outcome: "running" | "succeeded" | "failed" | null;
  last_error: string | null;
}

export interface SearchTerms {
  term: string;
  stem: string;
  spelling: string;
  items: number;
  rests: string[];
}

export interface Sessions {
  id: Generated<string>;
  user_id: number;
  user_agent: string | null;
  created_at: Generated<string>;
  expires_at: string;
  revoked_at: string | null;
  address: string | null;
  last_used_at: Generated<string>;
  revoked_reason: string | null;
}

export interface StockLevels {
  item_id: number;
  on_hand: Generated<number>;
  reserved: Generated<number>;
  low_stock_threshold: number | null;
}

export interface StockMovements {
  id: GeneratedAlways<number>;
  item_id: number;
  kind: "adjusted" | "reserved" | "released" | "shipped";
  on_hand_delta: Generated<number>;
  reserved_delta: Generated<number>;
  reason: string | null;
  order_id: number | null;
  user_id: number | null;
  correlation_id: string;
  created_at: Generated<string>;
}

export interface Subscriptions {
  topic: string;
  consumer: string;
  created_at: Generated<string>;
}

export interface Users {
  id: Generated<number>;
  email: string;
  full_name: string;
  password_hash: string;
  role: Generated<"customer" | "staff" | "admin">;
  status: Generated<"active" | "disabled">;
  version: Generated<number>;
  created_at: Generated<string>;
  updated_at: Generated<string>;
  email_verified_at: string | null;
  deleted_at: string | null;
  audit_key: Generated<Buffer | null>;
}

export interface Tables {
  all_products: AllProducts;
  audit_log: AuditLog;
  cache_epoch: CacheEpoch;
  dead_letters: DeadLetters;
  deliveries: Deliveries;
  delivery_failures: DeliveryFailures;
  idempotency_keys: IdempotencyKeys;
  item_search: ItemSearch;
  items: Items;
  mails: Mails;
  one_time_tokens: OneTimeTokens;
  order_events: OrderEvents;
  order_items: OrderItems;
  orders: Orders;
  outbox: Outbox;
  paused_consumers: PausedConsumers;
  product_import_lines: ProductImportLines;
  product_imports: ProductImports;
  products: Products;
  rate_limits: RateLimits;
  refresh_tokens: RefreshTokens;
  reservations: Reservations;
  schedules: Schedules;
  search_terms: SearchTerms;
  sessions: Sessions;
  stock_levels: StockLevels;
  stock_movements: StockMovements;
  subscriptions: Subscriptions;
  users: Users;
}
