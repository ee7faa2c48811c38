import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const sign = operation({
  number: 8,
  method: HsmService.method.sign,
  permission: "crypto:sign",
  scope: "key",
  effect: "use",
  usage: "sign",
  batchable: true,
});
