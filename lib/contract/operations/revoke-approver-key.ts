import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const revokeApproverKey = operation({
  number: 318,
  method: HsmService.method.revokeApproverKey,
  permission: "approval:keys",
  scope: "server",
  effect: "change",
});
