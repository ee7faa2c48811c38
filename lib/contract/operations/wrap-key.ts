import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const wrapKey = operation({
  number: 120,
  method: HsmService.method.wrapKey,
  permission: "key:wrap",
  scope: "key",
  effect: "use",
  usage: "wrap",
  other: { use: "export", keyId: ({ targetKeyId }) => targetKeyId },
});
