import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getAuditLog = operation({
  number: 20,
  method: HsmService.method.getAuditLog,
  permission: "audit:view",
  scope: "reach",
  effect: "read",
});
