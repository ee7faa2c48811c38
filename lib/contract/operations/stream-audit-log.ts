import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const streamAuditLog = operation({
  number: 420,
  method: HsmService.method.streamAuditLog,
  permission: "audit:view",
  scope: "reach",
  effect: "read",
});
