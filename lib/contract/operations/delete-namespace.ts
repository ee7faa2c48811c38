import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteNamespace = operation({
  number: 364,
  method: HsmService.method.deleteNamespace,
  permission: "namespace:delete",
  scope: "namespace",
  effect: "change",
});
