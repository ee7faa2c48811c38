import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listApprovals = operation({
  number: 310,
  method: HsmService.method.listApprovals,
  permission: "approval:view",
  scope: "reach",
  effect: "read",
  phases: ["open", "maintenance"],
});
