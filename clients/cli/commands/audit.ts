/** `keystead audit`: read the log from a server, check it offline. */
import type { Command } from "commander";
import { group, type Run } from "../command-tree.ts";
import { auditFollow } from "./audit-follow.ts";
import { auditTail } from "./audit-tail.ts";
import { auditVerify } from "./dispatched.ts";

export function audit(root: Command, run: Run): void {
  const parent = group(root, "audit", "Read and check the audit log");
  auditTail(parent, run);
  auditFollow(parent, run);
  auditVerify(parent, run);
}
