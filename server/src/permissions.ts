/** What a signed-in user is, beside owner or not; `staff` runs the shop, `admin` may also change what is not theirs. */
export const ROLES = ["customer", "staff", "admin"] as const;
export type Role = (typeof ROLES)[number];

export type Rule = {
  /** who may without owning anything: `anyone` needs no account, `nobody` leaves it to the owner */
  roles: "anyone" | readonly Role[];
  /** whether the one whose it is may, whatever the role */
  owner?: true;
  /** 404 where even its existence is nobody else's business; else others are told 403 */
  hidden?: true;
};

const EVERYBODY = ROLES;
const STAFF = ["staff", "admin"] as const;
const ADMIN = ["admin"] as const;

/**
 * Who may do what: the one place that says so. The guard of the routes, the rules of the modules, `x-permission` in
 * openapi.json, the page `/docs/permissions` and the test of all operations are made from it.
 */
export const PERMISSIONS = {
  "service.read": { roles: "anyone" },
  "account.open": { roles: "anyone" },
  "account.recover": { roles: "anyone" },
  "account.verify": { roles: "anyone" },
  "account.manage": { roles: EVERYBODY },
  "session.open": { roles: "anyone" },
  "session.renew": { roles: "anyone" },
  "session.close": { roles: "anyone" },
  "session.manage": { roles: [], owner: true, hidden: true },
  "user.manage": { roles: ADMIN },
  "audit.read": { roles: STAFF },
  "mail.read": { roles: STAFF },
  "queue.read": { roles: STAFF },
  "consumer.manage": { roles: ADMIN },
  "dead_letter.read": { roles: STAFF },
  "dead_letter.manage": { roles: ADMIN },
  "journey.read": { roles: STAFF },
  "schedule.read": { roles: STAFF },
  "item.read": { roles: "anyone" },
  "item.read_unlisted": { roles: STAFF, owner: true, hidden: true },
  "item.create": { roles: EVERYBODY },
  "item.create_for_others": { roles: ADMIN },
  "item.change": { roles: ADMIN, owner: true },
  "product.read": { roles: "anyone" },
  "product.manage": { roles: STAFF },
  "stock.manage": { roles: STAFF },
  "order.place": { roles: EVERYBODY },
  "order.read": { roles: STAFF, owner: true, hidden: true },
  "order.cancel": { roles: STAFF, owner: true, hidden: true },
  "order.pay": { roles: STAFF },
  "order.ship": { roles: STAFF },
  "order.deliver": { roles: STAFF },
} as const satisfies Record<string, Rule>;

export type Permission = keyof typeof PERMISSIONS;

/**
 * Whether a user may do it to something of `owner_id`; without an owner, whether the role alone is enough.
 * Nobody signed in is `undefined`.
 */
export function isAllowed(
  permission: Permission,
  user: { id: number; role: Role } | undefined,
  owner_id?: number | null,
): boolean {
  const rule: Rule = PERMISSIONS[permission];
  if (rule.roles === "anyone") return true;
  if (user === undefined) return false;
  return rule.roles.includes(user.role) || (rule.owner === true && owner_id === user.id);
}

/** Whether a user of this role may try at all: whose it is, is only known once it is read. */
export function mayTry(permission: Permission, role: Role): boolean {
  const rule: Rule = PERMISSIONS[permission];
  return rule.roles === "anyone" || rule.owner === true || rule.roles.includes(role);
}

/** Who may, in a sentence for people. */
export function describeRule(permission: Permission): string {
  const rule: Rule = PERMISSIONS[permission];
  if (rule.roles === "anyone") return "Anyone may.";
  const roles = rule.roles.length === ROLES.length ? ["whoever is signed in"] : rule.roles.map((role) => PLURAL[role]);
  const who = [...(rule.owner === true ? ["whose it is"] : []), ...roles].join(" and ");
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} may.${rule.hidden === true ? " To others it does not exist." : ""}`;
}

const PLURAL: Record<Role, string> = { customer: "customers", staff: "staff", admin: "admins" };
