import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createNamespace = operation({
  number: 18,
  method: HsmService.method.createNamespace,
  permission: "namespace:create",
  scope: "reach",
  effect: "change",
});
