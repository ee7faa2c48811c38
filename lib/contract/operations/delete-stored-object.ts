import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { privateDemand } from "../stored-object-demands.ts";

export const deleteStoredObject = operation({
  number: 479,
  method: HsmService.method.deleteStoredObject,
  permission: "object:write",
  demands: (request) => privateDemand(request),
  scope: "namespace",
  effect: "change",
});
