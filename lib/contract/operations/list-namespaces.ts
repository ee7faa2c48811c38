import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listNamespaces = operation({
  number: 19,
  method: HsmService.method.listNamespaces,
  permission: "namespace:read",
  scope: "server",
  effect: "read",
});
