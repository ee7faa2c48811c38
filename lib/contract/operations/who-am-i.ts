import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const whoAmI = operation({
  number: 269,
  method: HsmService.method.whoAmI,
  permission: "identity:self",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
