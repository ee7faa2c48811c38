import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createSink = operation({
  number: 430,
  method: HsmService.method.createSink,
  permission: "sink:manage",
  // Whoever has events sent away could have read them here.
  demands: () => ["audit:view"],
  scope: "reach",
  effect: "change",
  sealedPayload: true,
});
