import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const verifyMac = operation({
  number: 13,
  method: HsmService.method.verifyMac,
  permission: "crypto:verify_mac",
  scope: "key",
  effect: "use",
  usage: "verify_mac",
});
