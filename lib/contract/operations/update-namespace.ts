import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const updateNamespace = operation({
  number: 361,
  method: HsmService.method.updateNamespace,
  permission: "namespace:update",
  scope: "namespace",
  effect: "change",
});
