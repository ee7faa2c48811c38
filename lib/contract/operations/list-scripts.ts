import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listScripts = operation({
  number: 342,
  method: HsmService.method.listScripts,
  permission: "script:read",
  scope: "server",
  effect: "read",
});
