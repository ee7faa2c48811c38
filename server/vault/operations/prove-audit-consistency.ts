import { proveAuditConsistency as operation } from "@keystead/contract/operations/prove-audit-consistency";
import { audited } from "./audit-position.ts";
import { handler } from "./handler.ts";

/** Proves that a larger log continues a smaller one. */
export const proveAuditConsistency = handler(operation, async ({ request }, { proofs }) => {
  const { oldSize, size, oldRoot, root, proof } = proofs.consistency(
    audited(request.oldSize, "old_size", 1),
    audited(request.size, "size", 0),
  );
  return { reply: { oldSize: BigInt(oldSize), size: BigInt(size), oldRoot, root, proof: [...proof] } };
});
