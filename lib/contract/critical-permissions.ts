/**
 * What two people should do together where it matters: the permissions of what cannot be undone, of what leaves, and of
 * who may do what. `keystead init --dual-control` writes a rule about them; nothing is held back unless a rule says so.
 */
import { mayNeedApproval } from "./approval-scope.ts";
import { OPERATIONS } from "./operations/register.ts";
import type { Permission } from "./permissions.ts";

const CRITICAL: readonly Permission[] = [
  "key:destroy",
  "key:approve_purge",
  "key:copy",
  "key:wrap",
  "key:export",
  "policy:update",
  "script:update",
  "approval:keys",
  // Whoever makes users could make the second person.
  "identity:manage",
  "vault:rekey",
];

/** Those of them that an operation needs which can wait. */
export const CRITICAL_PERMISSIONS: readonly Permission[] = Object.freeze(
  CRITICAL.filter((permission) => OPERATIONS.some((row) => row.permission === permission && mayNeedApproval(row))),
);
