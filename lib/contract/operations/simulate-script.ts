import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const simulateScript = operation({
  number: 346,
  method: HsmService.method.simulateScript,
  permission: "script:read",
  // A script that is not kept is the caller's own code.
  demands: ({ source }) => (source.length === 0 ? [] : ["script:update"]),
  scope: "server",
  effect: "read",
});
