import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const cancelRequest = operation({
  number: 314,
  method: HsmService.method.cancelRequest,
  permission: "approval:cancel",
  scope: "reach",
  effect: "change",
  phases: ["open", "maintenance"],
});
