/** `keystead audit`: read the log from a server, have it proven, check it offline. */
import type { Command } from "commander";
import { group, type Run } from "../command-tree.ts";
import { auditBreak } from "./audit-break.ts";
import { auditFollow } from "./audit-follow.ts";
import { auditProofs } from "./audit-proofs.ts";
import { auditTail } from "./audit-tail.ts";
import { auditVerify } from "./dispatched.ts";

export function audit(root: Command, run: Run): void {
  const parent = group(root, "audit", "Read, prove and check the audit log");
  auditTail(parent, run);
  auditFollow(parent, run);
  auditProofs(parent, run);
  auditBreak(parent, run);
  auditVerify(parent, run);
}
