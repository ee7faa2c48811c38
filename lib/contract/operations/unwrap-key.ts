import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const unwrapKey = operation({
  number: 121,
  method: HsmService.method.unwrapKey,
  permission: "key:unwrap",
  scope: "key",
  effect: "change",
  usage: "unwrap",
});
