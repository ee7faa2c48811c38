import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const loginToken = operation({
  number: 484,
  method: HsmService.method.loginToken,
  permission: "session:begin",
  scope: "server",
  effect: "change",
  anonymous: true,
  sealedPayload: true,
});
