import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const suspendKey = operation({
  number: 161,
  method: HsmService.method.suspendKey,
  permission: "key:suspend",
  scope: "key",
  effect: "change",
});
