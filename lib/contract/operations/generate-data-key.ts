import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const generateDataKey = operation({
  number: 14,
  method: HsmService.method.generateDataKey,
  permission: "crypto:data_key",
  scope: "key",
  effect: "use",
  usage: "wrap_data_key",
});
