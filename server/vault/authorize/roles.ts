/**
 * The seven built-in roles: a table over the permissions.
 */
import { PERMISSIONS, type Permission } from "@keystead/contract/permissions";
import { findRole, type RoleName } from "@keystead/contract/role-names";

export { findRole };

const CRYPTO: readonly Permission[] = [
  "crypto:sign",
  "crypto:verify",
  "crypto:encrypt",
  "crypto:decrypt",
  "crypto:rewrap",
  "crypto:mac",
  "crypto:verify_mac",
  "crypto:data_key",
  "crypto:hash",
  "crypto:random",
  "crypto:batch",
];
/** Secrets that others share: the result becomes a managed key (with key:create) or bytes (with crypto:shared_secret). */
const ESTABLISH: readonly Permission[] = ["crypto:encapsulate", "crypto:decapsulate", "crypto:derive", "crypto:shared_secret"];
/** Certificates and data beside the keys. */
const OBJECTS: readonly Permission[] = ["object:read", "object:private", "object:write"];
const DAILY: readonly Permission[] = [
  ...OBJECTS,
  "key:create",
  "key:import",
  "key:read",
  "key:rotate",
  "key:activate",
  "key:suspend",
  "key:deactivate",
  "key:rollback",
  "key:update",
  "key:unwrap",
];
const KEYS: readonly Permission[] = [...DAILY, "key:revoke", "key:destroy", "key:copy", "key:wrap", "key:export"];

/** Asking for what others must agree to: to see what came of it, and to take it back. */
const ASK: readonly Permission[] = ["approval:view", "approval:cancel"];
/** What everybody may do who may do anything: how the server is, what the log proves, what is one's own, and which tokens
 * there are where they may come. */
const EVERYBODY: readonly Permission[] = ["status:view", "audit:prove", "identity:self", "token:read"];
/** Persons may be asked to agree; which of them counts is for each rule to say. */
const AGREE: readonly Permission[] = [...ASK, "approval:decide", "approval:keys"];

/** Every built-in role. */
export const ROLES: Readonly<Record<string, readonly Permission[]>> = Object.freeze({
  Administrator: PERMISSIONS,
  NamespaceAdmin: [
    ...KEYS,
    "key:trust",
    ...AGREE,
    "namespace:read",
    "namespace:suspend",
    "budget:read",
    "budget:update",
    ...EVERYBODY,
    "audit:view",
    "sink:read",
    "sink:manage",
  ],
  Operator: [...DAILY, ...AGREE, "key:use_revoked", "key:delegate", ...CRYPTO, ...ESTABLISH, "namespace:read", "alert:view", ...EVERYBODY],
  KeyAdmin: [...KEYS, ...AGREE, "namespace:read", ...EVERYBODY],
  KeyUser: ["key:read", "object:read", "object:private", "key:delegate", ...CRYPTO, ...AGREE, ...EVERYBODY],
  Service: ["key:read", "object:read", "object:private", ...CRYPTO, ...ASK, "crypto:sign_digest", ...ESTABLISH, ...EVERYBODY],
  Auditor: [
    "key:read",
    "object:read",
    ...AGREE,
    "namespace:read",
    "budget:read",
    "audit:view",
    "policy:view",
    "script:read",
    "sink:read",
    "identity:read",
    "alert:view",
    ...EVERYBODY,
  ],
} satisfies Record<RoleName, readonly Permission[]>);

/** Everything the named roles permit; unknown names permit nothing. */
export function permissionsOf(roles: readonly string[]): ReadonlySet<Permission> {
  return new Set(roles.flatMap((name) => ROLES[findRole(name) ?? ""] ?? []));
}
