import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { getApproval as operation } from "@keystead/contract/operations/get-approval";
import { operationByName } from "@keystead/contract/operations/register";
import { parseSubject } from "@keystead/crypto/public/approval-statement";
import { approvalMessage } from "./approval-message.ts";
import { handler } from "./handler.ts";

/** The request as it stands; its requester gets the result when he asks for it, a secret one once. */
export const getApproval = handler(operation, async ({ principal, address, hidden, request }, { approvals }) => {
  const id = request.approvalId;
  const approval = approvals.get({ principal, address, hidden }, id, request.namespace);
  const { namespace, key, operation: name } = parseSubject(approval.subject);
  const result = request.withResult ? await approvals.result(principal, id) : undefined;
  const row = operationByName(name);
  const open = result !== undefined && result.change === undefined && row !== undefined;
  return {
    reply: {
      approval: approvalMessage(id, approval),
      ...(result === undefined ? {} : { result: result.bytes }),
      ...(open
        ? { resultJson: toJsonString(row.method.output, fromBinary(row.method.output, result.bytes), { useProtoFieldName: true }) }
        : {}),
    },
    namespace,
    keyId: key,
    approval: { id },
    ...(result === undefined ? {} : { secrets: [result.bytes] }),
    ...(result?.change === undefined ? {} : { change: result.change }),
  };
});
