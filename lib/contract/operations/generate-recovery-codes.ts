import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const generateRecoveryCodes = operation({
  number: 262,
  method: HsmService.method.generateRecoveryCodes,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
