import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { permissionOfResult } from "../secret-result.ts";

export const encapsulate = operation({
  number: 140,
  method: HsmService.method.encapsulate,
  permission: "crypto:encapsulate",
  demands: permissionOfResult,
  scope: "key",
  effect: "change",
  usage: "encapsulate",
});
