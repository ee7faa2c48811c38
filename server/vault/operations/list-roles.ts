import { listRoles as operation } from "@keystead/contract/operations/list-roles";
import { handler } from "./handler.ts";

/** Roles that bindings can give. */
export const listRoles = handler(operation, async (_, { policy }) => ({
  reply: { roles: policy.roles().map((role) => ({ ...role, permissions: [...role.permissions], families: [...role.families] })) },
}));
