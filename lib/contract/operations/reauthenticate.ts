import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const reauthenticate = operation({
  number: 488,
  method: HsmService.method.reauthenticate,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
