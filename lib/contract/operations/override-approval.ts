import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const overrideApproval = operation({
  number: 315,
  method: HsmService.method.overrideApproval,
  permission: "approval:override",
  scope: "reach",
  effect: "change",
  phases: ["open", "maintenance"],
});
