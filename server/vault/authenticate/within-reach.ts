/**
 * Who may act on whom: nobody gives more than they have, and nobody touches somebody whose rights go beyond their own.
 *
 * One rule for everything that administrators do to users, service accounts and sessions: make, change, disable, unlock,
 * remove, let in by a password or a secret id, shut out by ending a session or a secret id.
 */
import { HsmError } from "@keystead/contract/errors";
import { permissionsOf } from "../authorize/roles.ts";
import { rightsOf, type PinRole } from "../authorize/token-rights.ts";
import type { Principal } from "./principal.ts";

/** Roles and namespaces, as a record or a configuration has them. */
export interface Reach {
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  /** Of a token's PIN: whose. What it gives counts like a role. */
  readonly pin?: PinRole;
}

/** @throws {HsmError} PERMISSION_DENIED when the roles or namespaces are more than the principal's own */
export function requireNoMoreThan(principal: Principal, { roles, namespaces, pin }: Reach): void {
  const within = namespaces.every((name) => principal.namespaces === "all" || (name !== "*" && principal.namespaces.has(name)));
  const given = [...permissionsOf(roles), ...(pin === undefined ? [] : rightsOf(pin))];
  const held = given.every((permission) => principal.permissions.has(permission));
  if (!within || !held) throw new HsmError("PERMISSION_DENIED", "nobody gives, takes over or takes away more than they have themselves");
}
