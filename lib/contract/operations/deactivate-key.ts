import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deactivateKey = operation({
  number: 163,
  method: HsmService.method.deactivateKey,
  permission: "key:deactivate",
  scope: "key",
  effect: "change",
});
