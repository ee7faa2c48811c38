import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const enableScript = operation({
  number: 343,
  method: HsmService.method.enableScript,
  permission: "script:update",
  scope: "server",
  effect: "change",
});
