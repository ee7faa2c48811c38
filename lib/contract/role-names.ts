/** The built-in roles by name. What each permits is the vault's to say. */

/** As configuration and policies name them. */
export const ROLE_NAMES = ["Administrator", "NamespaceAdmin", "Operator", "KeyAdmin", "KeyUser", "Service", "Auditor"] as const;

export type RoleName = (typeof ROLE_NAMES)[number];

const ALIASES: ReadonlyMap<string, RoleName> = new Map([
  ["admin", "Administrator"],
  ["administrator", "Administrator"],
  ["user", "KeyUser"],
  ["operator", "Operator"],
  ["auditor", "Auditor"],
  ["service", "Service"],
]);

/** Canonical name of a role, or undefined. */
export const findRole = (name: string): RoleName | undefined => ROLE_NAMES.find((role) => role === name) ?? ALIASES.get(name);
