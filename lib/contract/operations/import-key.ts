import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

export const importKey = operation({
  number: 2,
  method: HsmService.method.importKey,
  permission: "key:import",
  demands: ({ wrappingKeyId, attributes }) => [
    ...(wrappingKeyId === "" ? [] : (["key:unwrap"] as const)),
    ...trustDemand(attributes, true),
  ],
  scope: "namespace",
  effect: "change",
  other: { use: "unwrap", keyId: ({ wrappingKeyId }) => wrappingKeyId },
});
