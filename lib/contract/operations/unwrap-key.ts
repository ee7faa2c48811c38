import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

export const unwrapKey = operation({
  number: 121,
  method: HsmService.method.unwrapKey,
  permission: "key:unwrap",
  demands: ({ attributes }) => trustDemand(attributes, true),
  scope: "key",
  effect: "change",
  usage: "unwrap",
});
