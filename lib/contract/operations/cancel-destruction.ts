import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const cancelDestruction = operation({
  number: 169,
  method: HsmService.method.cancelDestruction,
  permission: "key:destroy",
  scope: "key",
  effect: "change",
});
