import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getAuditCheckpoint = operation({
  number: 400,
  method: HsmService.method.getAuditCheckpoint,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
