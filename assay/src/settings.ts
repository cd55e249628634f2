/** Whom to log in as; the password is never printed. */
export type Credentials = { email: string; password: string };

/** Everything that a run is told from outside. */
export type Settings = {
  /** the address of the examined server, without a slash at its end */
  target: string;
  staff: Credentials;
  admin: Credentials;
  /** the bearer token for `/metrics` of a server that is not on this machine */
  metricsToken: string;
};

const DEFAULT_TARGET = "http://127.0.0.1:8000";

/**
 * Reads the settings of a run.
 * @param env usually `process.env`; an empty value counts as absent
 * @param target what the command line says; else `TARGET`, else the address of a server started with its defaults
 * @throws TypeError when the target is no http address
 */
export function readSettings(env: Record<string, string | undefined>, target?: string): Settings {
  const address = target || env["TARGET"] || DEFAULT_TARGET;
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new TypeError(`'${address}' is no address of a server; one looks like ${DEFAULT_TARGET}`);
  }
  return {
    target: address.replace(/\/+$/, ""),
    // The documented logins of the demo data; a server with other accounts is told by the environment.
    staff: {
      email: env["ASSAY_STAFF_EMAIL"] || "staff@shopfloor.example",
      password: env["ASSAY_STAFF_PASSWORD"] || "shopfloor-staff",
    },
    admin: {
      email: env["ASSAY_ADMIN_EMAIL"] || "admin@shopfloor.example",
      password: env["ASSAY_ADMIN_PASSWORD"] || "shopfloor-admin",
    },
    metricsToken: env["ASSAY_METRICS_TOKEN"] || "",
  };
}
