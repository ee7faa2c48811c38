import { HsmError } from "@keystead/contract/errors";
import { listAuditCheckpoints as operation } from "@keystead/contract/operations/list-audit-checkpoints";
import { audited } from "./audit-position.ts";
import { checkpointMessage } from "./checkpoint-message.ts";
import { handler } from "./handler.ts";

const DEFAULT_PAGE_SIZE = 100;

/** Checkpoints of the audit log, oldest first. A page's token is the size to go on from. */
export const listAuditCheckpoints = handler(operation, async ({ request }, { proofs }) => {
  if (request.pageToken !== "" && !/^\d{1,15}$/.test(request.pageToken))
    throw new HsmError("INVALID_REQUEST", "page_token is not one of ours");
  const limit = request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize;
  const checkpoints = proofs.list(
    request.pageToken === "" ? audited(request.fromSize, "from_size", 0) : Number(request.pageToken),
    limit + 1,
  );
  const next = checkpoints[limit];
  return {
    reply: {
      checkpoints: checkpoints.slice(0, limit).map(checkpointMessage),
      nextPageToken: next === undefined ? "" : String(next.size),
      verifierKey: proofs.verifierKey,
    },
  };
});
