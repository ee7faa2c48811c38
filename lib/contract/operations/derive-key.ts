import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { trustDemand } from "../trust-demand.ts";

export const deriveKey = operation({
  number: 143,
  method: HsmService.method.deriveKey,
  permission: "crypto:derive",
  demands: ({ asKey }) => ["key:create", ...trustDemand(asKey?.attributes, true)],
  scope: "key",
  effect: "change",
  usage: "derive",
});
