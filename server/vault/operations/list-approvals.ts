import { HsmError } from "@keystead/contract/errors";
import { ApprovalState } from "@keystead/contract/generated/hsm/approvals_pb";
import { listApprovals as operation } from "@keystead/contract/operations/list-approvals";
import { approvalMessage, approvalStateNumber } from "./approval-message.ts";
import { handler } from "./handler.ts";

const DEFAULT_PAGE_SIZE = 100;

/** Pages by id, which sorts by time. */
export const listApprovals = handler(operation, async ({ principal, address, hidden, request }, { approvals }) => {
  const { pageToken, state } = request;
  if (pageToken !== "" && !/^[0-9a-f-]{36}$/.test(pageToken)) throw new HsmError("INVALID_REQUEST", "page_token is not one of ours");
  const size = request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize;
  const found = approvals
    .list({ principal, address, hidden }, request.namespace)
    .filter(({ id, approval }) => id > pageToken && (state === ApprovalState.UNSPECIFIED || approvalStateNumber(approval.state) === state));
  const page = found.slice(0, size);
  return {
    reply: {
      approvals: page.map(({ id, approval }) => approvalMessage(id, approval)),
      nextPageToken: found.length > size ? (page.at(-1)?.id ?? "") : "",
    },
  };
});
