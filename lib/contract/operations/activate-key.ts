import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const activateKey = operation({
  number: 160,
  method: HsmService.method.activateKey,
  permission: "key:activate",
  scope: "key",
  effect: "change",
});
