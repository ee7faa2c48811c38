import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getAuditEntries = operation({
  number: 404,
  method: HsmService.method.getAuditEntries,
  permission: "audit:prove",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
