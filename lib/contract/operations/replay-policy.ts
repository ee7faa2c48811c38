import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const replayPolicy = operation({
  number: 226,
  method: HsmService.method.replayPolicy,
  permission: "policy:view",
  // It shows what the log holds.
  demands: () => ["audit:view"],
  scope: "server",
  effect: "read",
});
