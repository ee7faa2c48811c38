import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createGrant = operation({
  number: 228,
  method: HsmService.method.createGrant,
  permission: "key:delegate",
  scope: "key",
  effect: "change",
});
