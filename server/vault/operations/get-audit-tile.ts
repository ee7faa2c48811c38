import { getAuditTile as operation } from "@keystead/contract/operations/get-audit-tile";
import { handler } from "./handler.ts";

/** A file of the log in the layout of C2SP tlog-tiles. */
export const getAuditTile = handler(operation, async ({ request }, { proofs }) => ({ reply: { ...proofs.tile(request.path) } }));
