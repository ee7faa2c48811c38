import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { privateDemand } from "../stored-object-demands.ts";

export const findStoredObjects = operation({
  number: 477,
  method: HsmService.method.findStoredObjects,
  permission: "object:read",
  demands: (request) => privateDemand(request),
  scope: "namespace",
  effect: "read",
});
