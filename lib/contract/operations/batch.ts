import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const batch = operation({
  number: 17,
  method: HsmService.method.batch,
  permission: "crypto:batch",
  scope: "namespace",
  effect: "use",
});
