import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";
import { permissionOfResult } from "../secret-result.ts";

export const agreeKey = operation({
  number: 142,
  method: HsmService.method.agreeKey,
  permission: "crypto:derive",
  demands: permissionOfResult,
  scope: "key",
  effect: "change",
  usage: "derive",
});
