import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getApproval = operation({
  number: 311,
  method: HsmService.method.getApproval,
  permission: "approval:view",
  scope: "reach",
  effect: "read",
  phases: ["open", "maintenance"],
});
