import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getScript = operation({
  number: 341,
  method: HsmService.method.getScript,
  permission: "script:read",
  scope: "server",
  effect: "read",
});
