/** Which operations may be held back until others agree: all but those without which nobody could. */
import type { Operation } from "./operation.ts";
import type { Permission } from "./permissions.ts";

/** Permissions of what must always be possible: logging in, saying yes or no, and taking back. */
export const ALWAYS_POSSIBLE: ReadonlySet<Permission> = new Set<Permission>([
  "session:begin",
  "approval:view",
  "approval:cancel",
  "approval:decide",
  "approval:override",
]);
/** A sealed vault can keep no request; nobody could ask what is going on; an item of a batch is asked for by itself. */
const NEVER: ReadonlySet<string> = new Set(["Unseal", "GetStatus", "Batch"]);

/** May a rule hold back this operation? What is asked without a login is nobody's: strangers would make others' work. */
export const mayNeedApproval = ({ name, permission, anonymous }: Pick<Operation, "name" | "permission" | "anonymous">): boolean =>
  anonymous !== true && !NEVER.has(name) && !ALWAYS_POSSIBLE.has(permission);
