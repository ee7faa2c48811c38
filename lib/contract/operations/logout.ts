import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const logout = operation({
  number: 266,
  method: HsmService.method.logout,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  phases: ["open", "maintenance"],
});
