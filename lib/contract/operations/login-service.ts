import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const loginService = operation({
  number: 275,
  method: HsmService.method.loginService,
  permission: "session:begin",
  scope: "server",
  effect: "change",
  anonymous: true,
  sealedPayload: true,
});
