import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const revokeGrant = operation({
  number: 230,
  method: HsmService.method.revokeGrant,
  permission: "key:delegate",
  scope: "key",
  effect: "change",
});
