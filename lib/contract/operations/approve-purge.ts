import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const approvePurge = operation({
  number: 173,
  method: HsmService.method.approvePurge,
  permission: "key:approve_purge",
  scope: "key",
  effect: "change",
});
