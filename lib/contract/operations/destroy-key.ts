import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const destroyKey = operation({
  number: 168,
  method: HsmService.method.destroyKey,
  permission: "key:destroy",
  scope: "key",
  effect: "change",
});
