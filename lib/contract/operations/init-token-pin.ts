import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const initTokenPin = operation({
  number: 486,
  method: HsmService.method.initTokenPin,
  permission: "token:pin",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
