import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { privateDemand } from "../stored-object-demands.ts";

export const getStoredObject = operation({
  number: 476,
  method: HsmService.method.getStoredObject,
  permission: "object:read",
  demands: (request) => privateDemand(request),
  scope: "namespace",
  effect: "read",
});
