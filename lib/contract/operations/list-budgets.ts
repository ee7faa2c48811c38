import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listBudgets = operation({
  number: 368,
  method: HsmService.method.listBudgets,
  permission: "budget:read",
  scope: "namespace",
  effect: "read",
});
