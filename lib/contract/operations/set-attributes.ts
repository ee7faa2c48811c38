import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

export const setAttributes = operation({
  number: 171,
  method: HsmService.method.setAttributes,
  permission: "key:update",
  demands: ({ attributes }) => trustDemand(attributes, false),
  scope: "key",
  effect: "change",
});
