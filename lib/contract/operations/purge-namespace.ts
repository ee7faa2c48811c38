import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const purgeNamespace = operation({
  number: 366,
  method: HsmService.method.purgeNamespace,
  permission: "namespace:delete",
  scope: "namespace",
  effect: "change",
});
