import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

export const generateKey = operation({
  number: 1,
  method: HsmService.method.generateKey,
  permission: "key:create",
  demands: ({ attributes }) => trustDemand(attributes, true),
  scope: "namespace",
  effect: "change",
});
