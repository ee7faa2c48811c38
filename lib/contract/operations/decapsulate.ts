import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { permissionOfResult } from "../secret-result.ts";

export const decapsulate = operation({
  number: 141,
  method: HsmService.method.decapsulate,
  permission: "crypto:decapsulate",
  demands: permissionOfResult,
  scope: "key",
  effect: "change",
  usage: "decapsulate",
});
