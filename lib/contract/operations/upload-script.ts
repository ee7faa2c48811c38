import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const uploadScript = operation({
  number: 340,
  method: HsmService.method.uploadScript,
  permission: "script:update",
  scope: "server",
  effect: "change",
});
