import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const beginWebAuthnRegistration = operation({
  number: 259,
  method: HsmService.method.beginWebAuthnRegistration,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
