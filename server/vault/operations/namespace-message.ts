/**
 * A namespace as the public Namespace message.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { NamespaceSchema } from "@keystead/contract/generated/hsm/limits_pb";
import type { DescribedNamespace } from "../objects/key-shapes.ts";

/** The public message. @param keys how many it holds; left out = not said @param sessions how many are open that name it; the same */
export const namespaceMessage = (
  { namespace, attributes }: DescribedNamespace,
  keys?: number,
  sessions?: number,
): MessageInitShape<typeof NamespaceSchema> => {
  const { description, createdAt, maxKeys, maxSessions = 0, allowedIps = [], deniedIps = [], rate, suspension, deletion } = attributes;
  return {
    namespace,
    description,
    createdAt: timestampFromMs(createdAt),
    maxKeys,
    maxSessions,
    state: deletion !== undefined ? "deletion_scheduled" : suspension === undefined ? "active" : "suspended",
    allowedIps: [...allowedIps],
    deniedIps: [...deniedIps],
    requestsPerSecond: rate?.perSecond ?? 0,
    burst: rate?.burst ?? 0,
    ...(suspension === undefined
      ? {}
      : { suspendedAt: timestampFromMs(suspension.since), suspendedBy: suspension.by, suspensionReason: suspension.reason }),
    ...(deletion === undefined
      ? {}
      : { deletionAt: timestampFromMs(deletion.at), deletionBy: deletion.by, deletionReason: deletion.reason }),
    ...(keys === undefined ? {} : { keys }),
    ...(sessions === undefined ? {} : { sessions }),
  };
};
