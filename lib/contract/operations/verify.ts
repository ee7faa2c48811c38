import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const verify = operation({
  number: 9,
  method: HsmService.method.verify,
  permission: "crypto:verify",
  scope: "key",
  effect: "use",
  usage: "verify",
  batchable: true,
});
