import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const rollbackKey = operation({
  number: 165,
  method: HsmService.method.rollbackKey,
  permission: "key:rollback",
  scope: "key",
  effect: "change",
});
