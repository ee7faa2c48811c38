import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const decrypt = operation({
  number: 11,
  method: HsmService.method.decrypt,
  permission: "crypto:decrypt",
  scope: "key",
  effect: "use",
  usage: "decrypt",
  batchable: true,
});
