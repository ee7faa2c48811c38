/**
 * A namespace as the public Namespace message.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { NamespaceSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { DescribedNamespace } from "../objects/key-shapes.ts";

/** The public message. */
export const namespaceMessage = ({ namespace, attributes }: DescribedNamespace): MessageInitShape<typeof NamespaceSchema> => ({
  namespace,
  description: attributes.description,
  createdAt: timestampFromMs(attributes.createdAt),
  maxKeys: attributes.maxKeys,
});
