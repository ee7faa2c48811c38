import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listAlerts = operation({
  number: 460,
  method: HsmService.method.listAlerts,
  permission: "alert:view",
  scope: "server",
  effect: "read",
  phases: ["sealed", "open", "maintenance"],
});
