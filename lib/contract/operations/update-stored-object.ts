import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { privateDemand, trustedDemand } from "../stored-object-demands.ts";

export const updateStoredObject = operation({
  number: 478,
  method: HsmService.method.updateStoredObject,
  permission: "object:write",
  demands: (request) => [...privateDemand(request), ...trustedDemand(request)],
  scope: "namespace",
  effect: "change",
  sealedPayload: true,
});
