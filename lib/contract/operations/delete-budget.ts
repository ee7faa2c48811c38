import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteBudget = operation({
  number: 369,
  method: HsmService.method.deleteBudget,
  permission: "budget:update",
  scope: "namespace",
  effect: "change",
});
