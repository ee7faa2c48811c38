import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

/**
 * A permission of its own, besides that to make keys: a copy has a name of its own, which no rule about the first one's name is
 * about.
 */
export const copyKey = operation({
  number: 470,
  method: HsmService.method.copyKey,
  permission: "key:copy",
  demands: ({ attributes }) => ["key:create", ...trustDemand(attributes, true)],
  scope: "key",
  effect: "change",
  usage: "copy",
});
