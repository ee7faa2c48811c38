import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const login = operation({
  number: 263,
  method: HsmService.method.login,
  permission: "session:begin",
  scope: "server",
  effect: "change",
  anonymous: true,
  sealedPayload: true,
  phases: ["open", "maintenance"],
});
