import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const acknowledgeAuditBreak = operation({
  number: 407,
  method: HsmService.method.acknowledgeAuditBreak,
  permission: "audit:acknowledge",
  scope: "server",
  effect: "change",
  phases: ["open", "maintenance"],
});
