import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const proveAuditConsistency = operation({
  number: 403,
  method: HsmService.method.proveAuditConsistency,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
