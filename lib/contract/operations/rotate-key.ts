import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const rotateKey = operation({
  number: 6,
  method: HsmService.method.rotateKey,
  permission: "key:rotate",
  scope: "key",
  effect: "change",
});
