import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const approveRequest = operation({
  number: 312,
  method: HsmService.method.approveRequest,
  permission: "approval:decide",
  scope: "reach",
  effect: "change",
  phases: ["open", "maintenance"],
});
