import type { Config } from "#src/config.ts";
import type { Check } from "./database/check.ts";
import type { TransactContext } from "./database/transact.ts";
import type { App } from "./http/app.ts";
import type { Subscription } from "./messaging/event.ts";
import type { Passwords } from "./security/passwords.ts";
import type { Tokens } from "./security/tokens.ts";
import type { Log } from "./telemetry/log.ts";

/** What a process has to work with; made once by `app.ts` and handed to every module. */
export type Context = TransactContext & {
  config: Config;
  log: Log;
  tokens: Tokens;
  passwords: Passwords;
};

/** A module as `app.ts` sees it. */
export type Module = {
  name: string;
  routes(app: App, context: Context): Promise<void>;
  subscriptions: Subscription[];
  /** what must hold in this module's tables; `verify` runs them */
  checks: Check[];
};
