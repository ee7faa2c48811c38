import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const refreshSession = operation({
  number: 265,
  method: HsmService.method.refreshSession,
  permission: "session:begin",
  scope: "server",
  effect: "change",
  anonymous: true,
  sealedPayload: true,
  phases: ["open", "maintenance"],
});
