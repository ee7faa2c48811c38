import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const revokeKey = operation({
  number: 164,
  method: HsmService.method.revokeKey,
  permission: "key:revoke",
  scope: "key",
  effect: "change",
});
