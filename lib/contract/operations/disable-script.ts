import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const disableScript = operation({
  number: 344,
  method: HsmService.method.disableScript,
  permission: "script:update",
  scope: "server",
  effect: "change",
});
