import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const revokeSecretId = operation({
  number: 274,
  method: HsmService.method.revokeSecretId,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
