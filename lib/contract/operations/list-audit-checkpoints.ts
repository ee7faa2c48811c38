import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listAuditCheckpoints = operation({
  number: 401,
  method: HsmService.method.listAuditCheckpoints,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
