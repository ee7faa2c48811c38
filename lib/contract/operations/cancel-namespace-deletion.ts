import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const cancelNamespaceDeletion = operation({
  number: 365,
  method: HsmService.method.cancelNamespaceDeletion,
  permission: "namespace:delete",
  scope: "namespace",
  effect: "change",
});
