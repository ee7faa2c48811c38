import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const completeLogin = operation({
  number: 264,
  method: HsmService.method.completeLogin,
  permission: "session:begin",
  scope: "server",
  effect: "change",
  anonymous: true,
  sealedPayload: true,
  phases: ["open", "maintenance"],
});
