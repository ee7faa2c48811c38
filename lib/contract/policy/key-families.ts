/**
 * Permissions of a policy document's roles: the table's own, older spellings of them, and `key:use:<family>`, which
 * permits nothing by itself but narrows what the role's uses of keys reach.
 */
import { ALGORITHMS, type AlgorithmName, type AlgorithmRow } from "../algorithms.ts";
import { PERMISSIONS, type Permission } from "../permissions.ts";

export type KeyFamily = AlgorithmRow["family"];

/** Every family of keys. */
export const KEY_FAMILIES: ReadonlySet<KeyFamily> = new Set(Object.values(ALGORITHMS).map(({ family }) => family));

/** The family of an algorithm, or undefined when there is no such algorithm. */
export const familyOf = (algorithm: string): KeyFamily | undefined =>
  Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm as AlgorithmName].family : undefined;

/** Names that people use for families of this table. */
const FAMILY_ALIASES: Readonly<Record<string, readonly KeyFamily[]>> = Object.freeze({
  ecdsa: ["ec"],
  eddsa: ["ed25519", "ed448"],
  mldsa: ["ml-dsa"],
  mlkem: ["ml-kem"],
});

/** Spellings of older systems. */
const PERMISSION_ALIASES: Readonly<Record<string, Permission>> = Object.freeze({
  "policy:configure": "policy:update",
  "key:describe": "key:read",
  "key:purge_version": "key:destroy",
  "crypto:wrap": "key:wrap",
  "crypto:unwrap": "key:unwrap",
});

const known: ReadonlySet<string> = new Set(PERMISSIONS);

/** The permission of this name or older name, or undefined. */
export function findPermission(name: string): Permission | undefined {
  if (known.has(name)) return name as Permission;
  return Object.hasOwn(PERMISSION_ALIASES, name) ? PERMISSION_ALIASES[name] : undefined;
}

const CONSTRAINT = "key:use:";

/** The families that `key:use:<family>` names; undefined for what is no such constraint or names none. */
export function familiesOfConstraint(name: string): readonly KeyFamily[] | undefined {
  if (!name.startsWith(CONSTRAINT)) return undefined;
  const family = name.slice(CONSTRAINT.length);
  if (KEY_FAMILIES.has(family as KeyFamily)) return [family as KeyFamily];
  return Object.hasOwn(FAMILY_ALIASES, family) ? FAMILY_ALIASES[family] : undefined;
}

/** Permissions that are about no key: a rule about keys cannot mean them. */
const KEYLESS: ReadonlySet<Permission> = new Set<Permission>(
  PERMISSIONS.filter(
    (permission) => !/^(key|crypto):/.test(permission) || ["crypto:hash", "crypto:random", "crypto:batch"].includes(permission),
  ),
);

/** Whether a request that needs the permission is about a key. */
export const isAboutKey = (permission: Permission): boolean => !KEYLESS.has(permission);

const USES: ReadonlySet<Permission> = new Set<Permission>(
  PERMISSIONS.filter(
    (permission) =>
      (permission.startsWith("crypto:") && !KEYLESS.has(permission)) ||
      (["key:copy", "key:wrap", "key:unwrap", "key:export", "key:export_plain", "key:use_revoked"] as Permission[]).includes(permission),
  ),
);

/** Whether the permission lets a key be used or leave, so that `key:use:<family>` narrows it. */
export const usesKey = (permission: Permission): boolean => USES.has(permission);
