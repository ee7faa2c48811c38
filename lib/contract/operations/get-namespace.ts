import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getNamespace = operation({
  number: 360,
  method: HsmService.method.getNamespace,
  permission: "namespace:read",
  scope: "namespace",
  effect: "read",
});
