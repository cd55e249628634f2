import type { Config } from "#src/config.ts";
import type { Cache } from "./cache/cache.ts";
import type { Check } from "./database/check.ts";
import type { Db, Trx } from "./database/database.ts";
import type { Sweep } from "./database/sweep.ts";
import type { TransactContext } from "./database/transact.ts";
import type { App } from "./http/app.ts";
import type { Limits } from "./http/rate-limit.ts";
import type { ReadJourney } from "./journey.ts";
import type { Subscription } from "./messaging/event.ts";
import type { Mailer } from "./mail/mailer.ts";
import type { Redis } from "./redis.ts";
import type { Schedule } from "./schedules/schedule.ts";
import type { Engine } from "./search/engine.ts";
import type { Passwords } from "./security/passwords.ts";
import type { Revocations } from "./security/revocations.ts";
import type { Tokens } from "./security/tokens.ts";
import type { Log } from "./telemetry/log.ts";

/** What a process has to work with; made once by `composition.ts` and handed to every module. */
export type Context = TransactContext & {
  config: Config;
  log: Log;
  /** Calls back after commits that published the topic, in whichever process, and now and then without one. */
  listen(topic: string, onDue: () => void): void;
  tokens: Tokens;
  passwords: Passwords;
  /** what refresh tokens and one-time tokens are derived from */
  tokenSecret: string;
  limits: Limits;
  mailer: Mailer;
  /** undefined when no Redis is configured */
  redis: Redis | undefined;
  revocations: Revocations;
  cache: Cache;
  /** undefined when PostgreSQL answers the searches */
  searchEngine: Engine | undefined;
  /** what the modules hold about people, all of them */
  personalData: PersonalData[];
  /** what the modules know of a journey, all of them */
  journeys: ReadJourney[];
};

/**
 * What a handler of messages has to work with. A worker has more; a function has no keys, no sessions and nobody's
 * passwords, so that it needs no secret but the one that links in mails are made from.
 */
export type Work = Pick<
  Context,
  "config" | "log" | "db" | "wake" | "cache" | "tokenSecret" | "mailer" | "searchEngine"
>;

/** What a part of the server holds about people, for those who want to see it or to be forgotten. */
export type PersonalData = {
  /** by their names in an export, which are those of the tables */
  lists: Record<string, ReadList>;
  /** Removes what tells who it was; what others still need stays, without a name. */
  forget(trx: Trx, user_id: number): Promise<void>;
};
/** Reads what is held about a user: in ascending order of the ids, from the one after `after` on, at most `limit`. */
export type ReadList = (db: Db, user_id: number, page: ListPage) => Promise<{ id: number | string }[]>;
export type ListPage = { after: number | string | undefined; limit: number };

/** A module as `composition.ts` sees it. */
export type Module = {
  name: string;
  routes(app: App, context: Context): Promise<void>;
  subscriptions: Subscription[];
  /** what is done at certain times, once among all workers */
  schedules?: Schedule[];
  /** what a worker does beside its consumers, until it is stopped */
  background?(context: Context): { stop(): Promise<void> };
  /** what must hold in this module's tables; `verify` runs them */
  checks: Check[];
  /** what of this module's is thrown away once it is old enough */
  sweeps: Sweep[];
  /** what must agree with these tables in another server that is configured, if there is one */
  outsideChecks?(work: Pick<Context, "config" | "db" | "searchEngine">): Check[];
  personalData: PersonalData[];
  /** what it has to tell of a request and what that led to */
  journey?: ReadJourney;
};
