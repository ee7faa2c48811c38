import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const proveAuditEvent = operation({
  number: 402,
  method: HsmService.method.proveAuditEvent,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
