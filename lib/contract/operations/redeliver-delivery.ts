import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const redeliverDelivery = operation({
  number: 437,
  method: HsmService.method.redeliverDelivery,
  permission: "sink:manage",
  // Whoever has events sent away could have read them here.
  demands: () => ["audit:view"],
  scope: "reach",
  effect: "read",
});
