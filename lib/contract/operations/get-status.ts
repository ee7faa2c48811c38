import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getStatus = operation({
  number: 21,
  method: HsmService.method.getStatus,
  permission: "status:view",
  scope: "server",
  effect: "read",
  phases: ["sealed", "open", "maintenance", "error"],
});
