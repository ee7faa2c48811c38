import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createSecretId = operation({
  number: 273,
  method: HsmService.method.createSecretId,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
