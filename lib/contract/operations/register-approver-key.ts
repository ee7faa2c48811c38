import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const registerApproverKey = operation({
  number: 316,
  method: HsmService.method.registerApproverKey,
  permission: "approval:keys",
  scope: "server",
  effect: "change",
});
