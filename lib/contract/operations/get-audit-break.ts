import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getAuditBreak = operation({
  number: 406,
  method: HsmService.method.getAuditBreak,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
