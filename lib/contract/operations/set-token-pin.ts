import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const setTokenPin = operation({
  number: 487,
  method: HsmService.method.setTokenPin,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
