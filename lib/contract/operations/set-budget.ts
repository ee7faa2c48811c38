import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const setBudget = operation({
  number: 367,
  method: HsmService.method.setBudget,
  permission: "budget:update",
  scope: "namespace",
  effect: "change",
});
