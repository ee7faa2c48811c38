import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const purgeKey = operation({
  number: 170,
  method: HsmService.method.purgeKey,
  permission: "key:destroy",
  scope: "key",
  effect: "change",
});
