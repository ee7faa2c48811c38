import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const finishWebAuthnRegistration = operation({
  number: 260,
  method: HsmService.method.finishWebAuthnRegistration,
  permission: "identity:self",
  scope: "server",
  effect: "change",
});
