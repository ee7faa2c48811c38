import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const suspendNamespace = operation({
  number: 362,
  method: HsmService.method.suspendNamespace,
  permission: "namespace:suspend",
  scope: "namespace",
  effect: "change",
});
