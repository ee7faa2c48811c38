/** What is about the whole server and therefore about no namespace: a rule that names namespaces never is about it. */
import type { Permission } from "./permissions.ts";
import { OPERATIONS } from "./operations/register.ts";

/** Is every operation with this permission about the server? False for permissions that no operation has as its own. */
export function isServerWide(permission: Permission): boolean {
  const rows = OPERATIONS.filter((row) => row.permission === permission);
  return rows.length > 0 && rows.every(({ scope }) => scope === "server");
}

/** What an approval rule says of where it holds. */
export interface PlacedRule {
  readonly operations?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** Empty = all, and requests about the server. */
  readonly namespaces?: readonly string[] | undefined;
}

/** The operations and permissions of a rule with namespaces that are about the server, so that it would mean nothing for them. */
export const outOfPlace = ({ operations = [], permissions = [], namespaces = [] }: PlacedRule): string[] =>
  namespaces.length === 0
    ? []
    : [
        ...operations.filter((name) => OPERATIONS.some((row) => row.name === name && row.scope === "server")),
        ...permissions.filter((name) => isServerWide(name as Permission)),
      ];
