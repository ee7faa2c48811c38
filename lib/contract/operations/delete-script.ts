import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteScript = operation({
  number: 345,
  method: HsmService.method.deleteScript,
  permission: "script:update",
  scope: "server",
  effect: "change",
});
