import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listApproverKeys = operation({
  number: 317,
  method: HsmService.method.listApproverKeys,
  permission: "approval:view",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
