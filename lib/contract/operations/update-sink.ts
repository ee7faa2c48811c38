import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const updateSink = operation({
  number: 433,
  method: HsmService.method.updateSink,
  permission: "sink:manage",
  // Whoever has events sent away could have read them here.
  demands: () => ["audit:view"],
  scope: "reach",
  effect: "change",
});
