import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const importKey = operation({
  number: 2,
  method: HsmService.method.importKey,
  permission: "key:import",
  demands: ({ wrappingKeyId }) => (wrappingKeyId === "" ? [] : ["key:unwrap"]),
  scope: "namespace",
  effect: "change",
  other: { use: "unwrap", keyId: ({ wrappingKeyId }) => wrappingKeyId },
});
