import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const denyRequest = operation({
  number: 313,
  method: HsmService.method.denyRequest,
  permission: "approval:decide",
  scope: "reach",
  effect: "change",
  phases: ["open", "maintenance"],
});
